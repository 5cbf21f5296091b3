import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { waitFor } from '../wait.ts'
import { answerQuickly, newPhone, onStage, payByPhone, typeCard, waitForTitle, type Stage } from './stage.ts'

/** No second payment method is offered or started while the first can still take the money. */

onStage('sandbox', (story) => {
  story('a second prompt is refused while one is pending', secondPrompt)
  story('while a prompt is pending, page and API offer no other method', nothingBesidePrompt)
  story('a prompt counts down, and the page asks for another number after it expires', promptEnds)
  story('an open card page is closed before a prompt is sent', cardClosedFirst)
  story('a provider page that cannot be closed must be finished first', crossmintFirst)
  story('a payer who pays twice sees a notice', paidTwice)
})

async function secondPrompt(stage: Stage, t: TestContext): Promise<void> {
  const [phone, other] = [newPhone(), newPhone()]
  const { id, checkoutUrl } = await stage.create()
  const [first, second] = [await stage.page(t), await stage.page(t)]
  await second.route('**/events*', (route) => route.abort())
  await second.goto(checkoutUrl)
  await first.goto(checkoutUrl)
  await payByPhone(first, phone)
  await waitForTitle(first, 'Check your phone')
  await payByPhone(second, other)
  await waitForTitle(second, 'A prompt is already on a phone.')
  assert.equal((await stage.getPayment(id)).attempts.length, 1)
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(second, 'Paid. Thank you!')
}

async function nothingBesidePrompt(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create({ methods: ['mpesa', 'airtel', 'card', 'bitcoin', 'transfer'] })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await page.getByText(`07•• ••• ${phone.slice(-3)}`).waitFor()
  await page.locator('[data-prompt-ms]', { hasText: /answer the prompt for [0-2]:\d\d more/ }).waitFor()
  assert.equal(await page.locator('#panel button, #panel .button').count(), 0)
  for (const method of ['card', 'bitcoin', 'transfer']) {
    const path = `/api/v1/payments/${id}/attempts`
    const { status, body, headers } = await stage.world.api('POST', path, { method })
    assert.deepEqual([status, body.error.code], [409, 'payments.attempt-in-flight'], method)
    assert.ok(Number(headers.get('retry-after')) > 60, method)
  }
  const form = new URLSearchParams({ method: 'card' })
  const posted = await fetch(`${stage.world.url}/pay/${id}/attempts`, {
    method: 'POST',
    body: form,
    redirect: 'manual',
  })
  assert.equal(posted.status, 409)
  assert.match(await posted.text(), /A prompt is already on a phone/)

  await answerQuickly(stage, phone, 'decline')
  await waitForTitle(page, 'The prompt was declined on the phone.')
  await page.getByRole('button', { name: /by card/ }).click()
  await typeCard(page, '4242424242424242')
  await waitForTitle(page, 'Paid. Thank you!')
}

async function promptEnds(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.clock.install()
  await page.goto(checkoutUrl)
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await page.clock.fastForward(180_000)
  await page.locator('[data-prompt-ms]', { hasText: 'The time to answer is over' }).waitFor()
  stage.world.skip(181_000)
  await page.clock.resume()
  await page.locator('#phone').waitFor()
  await payByPhone(page, newPhone())
  await waitForTitle(page, 'Check your phone')
}

async function cardClosedFirst(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create()
  const [page, other] = [await stage.page(t), await stage.page(t)]
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /by card/ }).click()
  await page.waitForURL(/\/stripe\/pay\//)
  const cardPage = page.url()
  await other.goto(checkoutUrl)
  await waitForTitle(other, 'Your card payment is not finished.')
  await payByPhone(other, phone)
  await waitForTitle(other, 'Check your phone')
  await page.goto(cardPage)
  assert.equal(await page.getByLabel('Card number').count(), 0, 'it cannot be paid there any more')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(other, 'Paid. Thank you!')
  const { attempts, flags } = await stage.getPayment(id)
  assert.deepEqual(
    attempts.map(({ method, status }: Record<string, string>) => [method, status]),
    [
      ['card', 'failed'],
      ['mpesa', 'settled'],
    ],
  )
  assert.equal(flags.overpaid, false)
}

async function crossmintFirst(stage: Stage, t: TestContext): Promise<void> {
  const asked = { amount: '19.99', currency: 'USD', methods: ['crossmint', 'card'] }
  const { id, checkoutUrl } = await stage.create(asked)
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Crossmint/ }).click()
  await page.waitForURL(/\/sandbox\/crossmint\/sdk\//)
  await page.goto(checkoutUrl)
  await waitForTitle(page, 'Your payment by Crossmint is not finished.')
  assert.equal(await page.getByRole('button', { name: /card/ }).count(), 0)
  const { status, body } = await stage.world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'card' })
  assert.deepEqual([status, body.error.code], [409, 'payments.page-open'])
}

/** An address that was shown before still receives money, because nothing can stop a Bitcoin payment. */
async function paidTwice(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create({ methods: ['mpesa', 'bitcoin'] })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Bitcoin/ }).click()
  await waitForTitle(page, /^Send BTC/)
  await page.getByText('Have you already sent the money?').waitFor()
  const [{ payment_uri: uri }] = (await stage.getPayment(id)).attempts
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  assert.equal(await page.locator('.qr').count(), 0)
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
  const control = (name: string, body: object): Promise<Response> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return fetch(`${stage.providersUrl}/sandbox/bitcoin/${name}`, init)
  }
  assert.equal((await control('pay', { address: uri })).status, 200)
  await control('mine', {})
  await waitFor('the second payment to be counted', async () => (await stage.getPayment(id)).flags.overpaid === true)
  await page.reload()
  await waitForTitle(page, /You paid KES.1,500 too much/)
}
