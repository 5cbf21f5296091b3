import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, find, ledgerBalance, PAYMENTS } from './api/shop.ts'
import { assertAtRest, assertPaidOnce } from './outcome.ts'
import { openWorld, type World } from './world.ts'

/** Other tests rely on the behaviour of the sandbox's cards. Checks each of them. */

const pay = async (url: string, number: string): Promise<{ status: number; location: string | null }> => {
  const body = new URLSearchParams({ number, expiry: '12/40', cvc: '123', name: 'Asha' })
  const answer = await fetch(url, { method: 'POST', body, redirect: 'manual' })
  await answer.text()
  return { status: answer.status, location: answer.headers.get('location') }
}

async function cardPage(world: World): Promise<{ id: string; url: string }> {
  const { id } = await create(world)
  const { body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
  return { id, url: body.redirect_url }
}

void test('card 4242… pays', async () => {
  await using world = await openWorld()
  const { id, url } = await cardPage(world)
  assert.equal((await pay(url, '4242 4242 4242 4242')).status, 200)
  await world.advance(3000)
  await assertPaidOnce(world, id)
  await assertAtRest(world, id)
})

void test('a card pays and is refunded in currencies with special decimals at Stripe', async () => {
  await using world = await openWorld()
  for (const [amount, currency, part] of [
    ['5000.00', 'UGX', '1000'],
    ['2500', 'ISK', '500'],
    ['50000.00', 'MGA', '1000.00'],
    ['12.340', 'KWD', '2.340'],
    ['500.00', 'JPY', '100.00'],
    ['80045.50', 'TWD', '45.50'],
    ['150000000.00', 'IDR', '0.01'],
  ] as const) {
    const { id, amount: asked } = await create(world, { amount, currency, methods: ['card'] })
    const { body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
    assert.equal((await pay(body.redirect_url, '4242424242424242')).status, 200, currency)
    await world.advance(3000)
    const paid = await find(world, id)
    assert.deepEqual([paid.status, paid.amount_received], ['paid', asked], currency)
    const refund = await world.api('POST', `${PAYMENTS}/${id}/refunds`, { amount: part })
    assert.equal(refund.status, 201, `${currency} ${JSON.stringify(refund.body)}`)
    await world.advance(10_000)
    const { amount_refunded: refunded } = await find(world, id)
    assert.equal(Number(refunded), Number(part), currency)
  }
})

void test('card 4000000000000002 is declined, and another card on the same page pays', async () => {
  await using world = await openWorld()
  const { id, url } = await cardPage(world)
  assert.equal((await pay(url, '4000000000000002')).status, 402)
  await world.advance(3000)
  const declined = await find(world, id)
  assert.deepEqual(
    [declined.status, declined.attempts[0].status, declined.attempts[0].reason],
    ['open', 'pending', 'declined'],
    'the page continues',
  )
  assert.equal(await ledgerBalance(world), '0.00')
  await pay(url, '4242424242424242')
  await world.advance(3000)
  await assertPaidOnce(world, id)
})

void test('card 4000002500003155 needs a 3-D Secure challenge, which can fail or succeed', async () => {
  await using world = await openWorld()
  const { id, url } = await cardPage(world)
  const challenge = async (answer: string): Promise<number> => {
    const { status, location } = await pay(url, '4000002500003155')
    assert.deepEqual([status, location?.endsWith('/challenge')], [303, true])
    const page = `${url}/challenge`
    assert.equal((await fetch(page)).status, 200)
    return (await fetch(page, { method: 'POST', body: new URLSearchParams({ answer }) })).status
  }
  await challenge('fail')
  await world.advance(3000)
  const failed = await find(world, id)
  assert.deepEqual([failed.status, failed.attempts[0].reason], ['open', 'authentication-failed'])
  assert.equal(await challenge('approve'), 200)
  await world.advance(3000)
  await assertPaidOnce(world, id)
})
