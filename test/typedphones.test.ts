import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, PAYMENTS } from './api/shop.ts'
import { openWorld } from './world.ts'

/** Tests the phone field of the checkout page, as a payer without JavaScript fills it. */

const FORMS = [
  '0712 345 678',
  '+254 (0) 712 345678',
  '2540712345678',
  '00254712345678',
  '\u202A+254 712 345 678\u202C',
  '0712–345–678',
  '0712\u2011345\u2011678',
  '0712345678\u200B',
  '0712345678,',
]

void test('the checkout page accepts a phone number in every common notation', async () => {
  await using world = await openWorld()
  for (const phone of FORMS) {
    // Public prompts on one phone are limited to three in ten minutes.
    await world.jump(601_000)
    const { id } = await create(world)
    const answer = await post(id, phone)
    assert.equal(answer.status, 303, `${JSON.stringify(phone)} ${await answer.text()}`)
    const { body } = await world.api('GET', `${PAYMENTS}/${id}`)
    assert.equal(body.attempts.length, 1)
  }
  const refused = await post((await create(world)).id, '0812 345 678')
  assert.equal(refused.status, 422)
  assert.match(
    await refused.text(),
    /This is not a Kenyan mobile number\. Enter .*0712\s345\s678 or \+254\s712\s345\s678/,
  )

  function post(id: string, phone: string): Promise<Response> {
    return fetch(`${world.address}/pay/${id}/attempts`, {
      method: 'POST',
      body: new URLSearchParams({ method: 'mpesa', phone }),
      headers: { origin: world.url },
      redirect: 'manual',
    })
  }
})
