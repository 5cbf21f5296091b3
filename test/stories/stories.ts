import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { waitFor } from '../wait.ts'
import { operatorKey } from '../api/shop.ts'
import { answerPrompt, national, newPhone, onStage, payByPhone, typeCard, waitForTitle, type Stage } from './stage.ts'

/** Stories of a merchant and a payer, run in one mode. */
export function runStories(mode: 'sandbox' | 'live'): void {
  onStage(mode, (story) => {
    story('a payer approves the prompt, and the page shows the payment as paid without reload', payByMpesa)
    story('a prompt is declined, and the payer tries again', declineAndRetry)
    story('a payer approves at Airtel Money with the phone number that was also offered to M-Pesa', payByAirtel)
    story('a card pays', payByCard)
    story('a card is declined, and another pays', cardDeclined)
    story('a card is confirmed by 3-D Secure', cardConfirmed)
    story('a stablecoin pays through Crossmint, after a card was declined there', payByCrossmint)
    story('a wallet pays an address in two parts, and blocks confirm them', payByBitcoin)
    story('a payer reports a manual transfer, and the operator confirms it', payByTransfer)
    story('a payment expires while the payer has the page open', expire)
  })
}

async function payByMpesa(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create({ reference: 'Order 1042', description: 'Two mugs' })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('heading', { name: /KES.1,500/ }).waitFor()
  assert.equal(await page.locator('.practice').count(), stage.world.url === stage.providersUrl ? 1 : 0)
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  assert.equal((await stage.getPayment(id)).status, 'processing')

  await answerPrompt(stage, await stage.page(t), phone, 'Approve')

  await waitForTitle(page, 'Paid. Thank you!')
  assert.match(await page.title(), /^Paid/)
  const payment = await stage.getPayment(id)
  assert.deepEqual([payment.status, payment.amount_received, payment.amount_due], ['paid', '1500.00', '0.00'])
  await page.locator('.receipt', { hasText: 'Receipt number' }).waitFor()
  assert.match(await page.locator('.receipt').innerText(), /[A-Z0-9]{10}/)
  assert.equal((await stage.balance()) - before, 1500n)
}

async function payByAirtel(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create({ description: 'Two mugs' })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.locator('#phone').fill(national(phone))
  await page.getByRole('button', { name: /Airtel Money/ }).click()
  await waitForTitle(page, 'Check your phone')
  await page.getByText('enter your Airtel Money PIN').waitFor()

  const hand = await stage.page(t)
  await hand.goto(`${stage.providersUrl}/sandbox?phone=${phone}`)
  await hand.getByText('AIRTEL MONEY', { exact: true }).waitFor()
  await hand.getByRole('button', { name: 'Approve' }).click()

  await waitForTitle(page, 'Paid. Thank you!')
  assert.match(await page.locator('.receipt').innerText(), /Airtel Money[\s\S]*MP\d{6}/)
  const payment = await stage.getPayment(id)
  assert.deepEqual([payment.status, payment.amount_received], ['paid', '1500.00'])
  assert.equal((await stage.balance()) - before, 1500n)
}

async function declineAndRetry(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create()
  const [page, hand] = [await stage.page(t), await stage.page(t)]
  await page.goto(checkoutUrl)
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await answerPrompt(stage, hand, phone, 'Decline')

  await waitForTitle(page, 'The prompt was declined on the phone.')
  assert.equal(await stage.balance(), before)
  await page.getByRole('button', { name: /M-\W?Pesa/ }).click()
  await waitForTitle(page, 'Check your phone')
  await answerPrompt(stage, hand, phone, 'Approve')

  await waitForTitle(page, 'Paid. Thank you!')
  const { attempts } = await stage.getPayment(id)
  assert.deepEqual(
    attempts.map(({ status, reason }: Record<string, unknown>) => [status, reason]),
    [
      ['failed', 'canceled-by-payer'],
      ['settled', null],
    ],
  )
  assert.equal((await stage.balance()) - before, 1500n)
}

async function payByCard(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const { id, checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /card/ }).click()
  await typeCard(page, '4242424242424242')

  await page.waitForURL(`${checkoutUrl}**`)
  await waitForTitle(page, 'Paid. Thank you!')
  assert.match(await page.locator('.receipt').innerText(), /Card/)
  assert.equal((await stage.getPayment(id)).status, 'paid')
  assert.equal((await stage.balance()) - before, 1500n)
}

async function cardDeclined(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /card/ }).click()
  await typeCard(page, '4000000000000002')
  await page.getByText('Your card was declined.').waitFor()
  await page.getByRole('link', { name: 'Back without paying' }).click()

  await waitForTitle(page, 'The bank declined the card.')
  assert.equal(await stage.balance(), before)
  await page.getByRole('link', { name: 'Continue to the card page' }).click()
  await typeCard(page, '4242424242424242')

  await waitForTitle(page, 'Paid. Thank you!')
  assert.equal((await stage.balance()) - before, 1500n)
}

async function cardConfirmed(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const { id, checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /card/ }).click()
  await typeCard(page, '4000002500003155')
  await page.getByRole('button', { name: 'Complete authentication' }).click()

  await waitForTitle(page, 'Paid. Thank you!')
  assert.equal((await stage.getPayment(id)).status, 'paid')
  assert.equal((await stage.balance()) - before, 1500n)
}

async function payByCrossmint(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance('USD')
  const { id, checkoutUrl } = await stage.create({ amount: '19.99', currency: 'USD', methods: ['crossmint'] })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Crossmint/ }).click()
  await page.waitForURL(/\/sandbox\/crossmint\/sdk\//)
  await page.getByLabel('Card number').fill('4000000000000002')
  await page.getByRole('button', { name: /by card$/ }).click()
  await page.getByText('Your card was declined.').waitFor()
  await page.getByRole('button', { name: 'Pay with USDC' }).click()

  await page.waitForURL(`${checkoutUrl}**`)
  await waitForTitle(page, 'Paid. Thank you!')
  assert.match(await page.locator('.receipt').innerText(), /Crossmint/)
  const payment = await stage.getPayment(id)
  assert.deepEqual([payment.status, payment.amount_received], ['paid', '19.99'])
  assert.equal((await stage.balance('USD')) - before, 1999n)
}

async function payByTransfer(stage: Stage, t: TestContext): Promise<void> {
  const { world } = stage
  const before = await stage.balance()
  const { id, checkoutUrl } = await stage.create({ methods: ['mpesa', 'transfer'] })
  const page = await stage.page(t, { width: 360, height: 740 })
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /by transfer/ }).click()
  await waitForTitle(page, /^Send KES.1,500/)
  const [{ code }] = (await stage.getPayment(id)).attempts
  assert.match(
    await page.locator('.send').innerText(),
    new RegExp(`Account\\s+0100 200 300[^]*1500\\.00[^]*Payment code\\s+${code}`),
  )
  assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
  await page.getByLabel(/Name on your account/).fill('Mama Mboga')
  await page.getByRole('button', { name: 'I have sent it' }).click()
  await waitForTitle(page, 'Checking your transfer')
  assert.match(await page.locator('.send').innerText(), new RegExp(`0100 200 300[^]*${code}`), 'the details stay')

  const authorization = await operatorKey(world)
  const { body } = await world.api('GET', '/api/v1/transfers', undefined, { authorization })
  assert.deepEqual(
    body.data.map((each: { code: string; note: string }) => [each.code, each.note]),
    [[code, 'Mama Mboga']],
  )
  const found = { number: 'FT26015K3M9P' }
  const { status } = await world.api('POST', `/api/v1/transfers/${code}/confirm`, found, { authorization })
  assert.equal(status, 200)
  await waitForTitle(page, 'Paid. Thank you!')
  assert.match(
    await page.locator('.receipt').innerText(),
    /Bank transfer[^]*FT26015K3M9P|FT26015K3M9P[^]*Bank transfer/,
  )
  assert.equal((await stage.balance()) - before, 1500n)
}

async function payByBitcoin(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const { id, checkoutUrl } = await stage.create({ methods: ['bitcoin', 'mpesa'] })
  const [page, hand] = [await stage.page(t, { width: 360, height: 740 }), await stage.page(t)]
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Bitcoin/ }).click()
  const code = page.getByRole('img', { name: 'QR code with the address and the amount' })
  await waitForTitle(page, /^Send BTC.0\.000/)
  // The panel is replaced by the response and again by its event.
  const box = await waitFor('the code to be drawn', async () => (await code.boundingBox()) ?? undefined)
  assert.ok(box.width >= 200 && Math.abs(box.width - box.height) < 2, `too small to scan: ${JSON.stringify(box)}`)
  const stroke = await page.evaluate<string>(`getComputedStyle(document.querySelector('.qr path')).stroke`)
  assert.equal(stroke, 'none', 'modules without an outline')
  await page.locator('.qr').waitFor()
  assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
  const [{ address, amount, payment_uri: uri, rate }] = (await stage.getPayment(id)).attempts
  assert.deepEqual([rate.base, rate.quote, uri.startsWith(`bitcoin:${address}?amount=${amount}`)], ['BTC', 'KES', true])
  assert.match(await page.locator('.send').innerText(), new RegExp(`${amount}[^]*${address}[^]*holds until`))

  const send = async (values: { address: string; amount?: string }): Promise<void> => {
    await hand.goto(`${stage.providersUrl}/sandbox/bitcoin`)
    await hand.getByLabel(/^Address/).fill(values.address)
    await hand.getByLabel(/^Amount/).fill(values.amount ?? '')
    await hand.getByRole('button', { name: 'Pay', exact: true }).click()
    await hand.waitForURL('**/sandbox/bitcoin')
  }
  await send({ address, amount: '0.0001' })
  await waitForTitle(page, /^Send the rest: BTC/)
  await page.getByText(/BTC.0\.0001.* seen: 0 of 1 confirmations/).waitFor()
  const [{ payment_uri: rest }] = (await stage.getPayment(id)).attempts
  assert.notEqual(rest, uri)
  await send({ address: rest })
  await waitForTitle(page, 'Your payment was seen')

  await hand.getByRole('button', { name: '1 block' }).click()
  await waitForTitle(page, 'Paid. Thank you!')
  const payment = await stage.getPayment(id)
  assert.deepEqual([payment.status, payment.amount_received, payment.flags.overpaid], ['paid', '1500.00', false])
  assert.equal((await stage.balance()) - before, 1500n)
}

async function expire(stage: Stage, t: TestContext): Promise<void> {
  const before = await stage.balance()
  const { id, checkoutUrl } = await stage.create({ expires_in: 60 })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.locator('#phone').fill('0712')
  stage.world.skip(61_000)

  await waitForTitle(page, 'This payment has expired')
  assert.equal(await page.locator('#phone').count(), 0)
  assert.equal(await page.locator('.countdown').count(), 0)
  // The page knows the time. The stored status changes with the sweep.
  await waitFor('the payment to be expired', async () => (await stage.getPayment(id)).status === 'expired')
  assert.equal(await stage.balance(), before)
}
