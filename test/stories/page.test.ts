import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { listAxeViolations } from '../axe.ts'
import { waitFor } from '../wait.ts'
import { answerQuickly, national, newPhone, onStage, payByPhone, waitForTitle, type Stage } from './stage.ts'

const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(`document.activeElement.id || document.activeElement.textContent.trim().replace(/\\s+/g, ' ')`)

onStage('sandbox', (story) => {
  story('without JavaScript, M-Pesa works', withoutScript)
  story('without JavaScript, Bitcoin works', bitcoinWithoutScript)
  story('on a phone of 360 px, in Swahili, nothing is cut off', onSmallPhone)
  story('by keyboard alone, with changes announced to screen readers', byKeyboard)
  story('without server events the page polls', withoutEvents)
  story('behind a proxy that buffers events the page polls', withSilentEvents)
  story('two tabs show the same state and keep typed text', twoTabs)
  story('after returning from the card page unpaid, nothing has changed', backFromCard)
  story('prompts to the same number are limited', tooManyPrompts)
  story('a request with a lost response is not sent again', lostAnswer)
  story('the page reports a lost connection and continues when it is back', offline)
  story('an underpayment is counted, and the rest can be paid', partly)
  story('the whole page transfers under 60 kB', weight)
  story('an unknown payment link shows an error page', nowhere)
  story('the front page links to a demo checkout', frontPage)
})

async function withoutScript(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create()
  const page = await stage.page(t, { javaScript: false, width: 360, height: 740 })
  await page.goto(checkoutUrl)
  await payByPhone(page, '0712')
  await page.getByText('Enter a Safaricom number').waitFor()
  assert.equal(await page.locator('#phone').inputValue(), '0712')
  assert.match(await page.title(), /^Problem/)

  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  assert.match(page.url(), new RegExp(`/pay/${id}\\?lang=en$`))
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
  assert.equal(await page.getByRole('button', { name: /Print/ }).count(), 0)
}

async function bitcoinWithoutScript(stage: Stage, t: TestContext): Promise<void> {
  const { id, checkoutUrl } = await stage.create({ methods: ['bitcoin'] })
  const page = await stage.page(t, { javaScript: false, width: 360, height: 740 })
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Bitcoin/ }).click()
  await waitForTitle(page, /^Send BTC.0\.000/)
  const code = await page.getByRole('img', { name: 'QR code with the address and the amount' }).boundingBox()
  assert.ok(code && code.width >= 200, 'drawn by the server')
  const [{ address, payment_uri: uri }] = (await stage.getPayment(id)).attempts
  assert.match(await page.locator('.send').innerText(), new RegExp(address))
  const control = async (name: string, body: object): Promise<void> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    assert.equal((await fetch(`${stage.providersUrl}/sandbox/bitcoin/${name}`, init)).status, 200)
  }
  await control('pay', { address: uri })
  await waitFor('the payment to be seen', async () => (await stage.getPayment(id)).status === 'processing')
  await page.locator('#check').click()
  await waitForTitle(page, 'Your payment was seen')
  await control('mine', {})
  await waitForTitle(page, 'Paid. Thank you!')
}

async function onSmallPhone(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create({ description: 'Kahawa, maziwa na sukari ya mwezi mzima' })
  const page = await stage.page(t, { width: 360, height: 740, locale: 'sw-KE' })
  const requireFit = async (): Promise<void> =>
    assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
  await page.goto(checkoutUrl)
  await waitForTitle(page, 'Ungependa kulipa vipi?')
  await requireFit()
  await payByPhone(page, phone)
  await waitForTitle(page, 'Angalia simu yako')
  await requireFit()
  await answerQuickly(stage, phone, 'decline')
  await waitForTitle(page, 'Ombi lilikataliwa kwenye simu.')
  await requireFit()
  await page.getByRole('button', { name: /M-\W?Pesa/ }).click()
  await waitForTitle(page, 'Angalia simu yako')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Umelipa. Asante!')
  await requireFit()
  await page.getByRole('link', { name: 'English' }).click()
  await waitForTitle(page, 'Paid. Thank you!')
}

async function byKeyboard(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  const tabTo = async (id: string): Promise<void> => {
    for (let i = 0; i < 5 && (await focused(page)) !== id; i++) await page.keyboard.press('Tab')
    assert.equal(await focused(page), id)
  }
  await tabTo('phone')
  await page.keyboard.type('12')
  await page.keyboard.press('Enter')
  await page.locator('[aria-invalid]').waitFor()
  assert.equal(await focused(page), 'phone')
  assert.match(await page.locator('#phone-problem').innerText(), /Safaricom/)

  await page.locator('#phone').selectText()
  await page.keyboard.type(national(phone))
  await page.keyboard.press('Enter')
  await waitForTitle(page, 'Check your phone')
  assert.equal(await focused(page), 'Check your phone')
  await page.locator('#said', { hasText: /A prompt for KES.1,500 is on its way to the number ending in/ }).waitFor()

  await answerQuickly(stage, phone, 'decline')
  await waitForTitle(page, 'The prompt was declined on the phone.')
  assert.match(await focused(page), /^The prompt was declined on the phone. No money was taken/)
  await tabTo('phone')
  await page.keyboard.press('Enter')
  await waitForTitle(page, 'Check your phone')
  await page.locator('.merchant').click()
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
  await page.locator('#said', { hasText: 'Paid. Thank you! Sandbox Shop has received' }).waitFor()
}

async function withoutEvents(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.route('**/events*', (route) => route.abort())
  await page.goto(checkoutUrl)
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
}

async function withSilentEvents(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  let kept = 0
  // Hold the request without an answer.
  await page.route('**/events*', () => void kept++)
  await page.goto(checkoutUrl)
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
  assert.equal(kept, 1)
}

async function twoTabs(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const [first, second] = [await stage.page(t), await stage.page(t)]
  await first.goto(checkoutUrl)
  await second.goto(checkoutUrl)
  await second.locator('#phone').fill('0799 000 1')
  await payByPhone(first, phone)
  await waitForTitle(second, 'Check your phone')
  await answerQuickly(stage, phone, 'decline')
  await waitForTitle(second, 'The prompt was declined on the phone.')
  assert.equal(await second.locator('#phone').inputValue(), '0799 000 1')
  await second.locator('#phone').press('End')
  await second.keyboard.type('1')
  await waitForTitle(first, 'The prompt was declined on the phone.')
  await first.getByRole('button', { name: /M-\W?Pesa/ }).click()
  await answerQuickly(stage, phone, 'approve')
  await Promise.all([waitForTitle(first, 'Paid. Thank you!'), waitForTitle(second, 'Paid. Thank you!')])
}

async function backFromCard(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(`${checkoutUrl}?lang=sw`)
  await page.locator('#phone').fill(national(phone))
  await page.getByRole('button', { name: /kadi/ }).click()
  await page.getByRole('link', { name: 'Back without paying' }).click()
  await waitForTitle(page, 'Hujakamilisha malipo ya kadi.')
  assert.equal(await page.locator('#phone').inputValue(), national(phone))
  await page.getByRole('link', { name: 'Endelea kulipa kwa kadi' }).click()
  await page.goBack()
  await page.getByRole('button', { name: /M-\W?Pesa/ }).click()
  await waitForTitle(page, 'Angalia simu yako')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Umelipa. Asante!')
  assert.equal((await stage.getPayment(id)).attempts.length, 2)
}

async function tooManyPrompts(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  for (let i = 0; i < 3; i++) {
    await payByPhone(page, phone)
    await waitForTitle(page, 'Check your phone')
    await answerQuickly(stage, phone, 'decline')
    await waitForTitle(page, 'The prompt was declined on the phone.')
  }
  await payByPhone(page, phone)
  await waitForTitle(page, /Too many attempts. Wait (9|10) min and try again./)
  assert.equal(await page.locator('#phone').inputValue(), national(phone))
}

async function lostAnswer(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.route('**/attempts*', async (route) => {
    await route.fetch()
    await route.abort()
  })
  await page.goto(checkoutUrl)
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
  assert.equal((await stage.getPayment(id)).attempts.length, 1)
  assert.equal(await page.locator('#lost').isVisible(), false)
}

async function offline(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.context().setOffline(true)
  await payByPhone(page, phone)
  await page.locator('#lost', { hasText: 'No connection. Money that you have paid is safe' }).waitFor()
  await page.context().setOffline(false)
  await page.locator('#lost').waitFor({ state: 'hidden' })
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
}

async function partly(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { id, checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  // This phone underpays by one shilling.
  await payByPhone(page, '254700000009')
  await waitForTitle(page, /KES.1,499 received, KES.1 still to pay/)
  await page.locator('#phone').fill(national(phone))
  await page.getByRole('button', { name: /Pay KES.1 by M-\W?Pesa/ }).click()
  await waitForTitle(page, 'Check your phone')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
  assert.equal((await stage.getPayment(id)).amount_received, '1500.00')
}

const MOST_BYTES = 60_000

async function weight(stage: Stage, t: TestContext): Promise<void> {
  const phone = newPhone()
  const { checkoutUrl } = await stage.create()
  const page = await stage.page(t)
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  let bytes = 0
  session.on('Network.responseReceived', ({ response }) => (bytes += response.encodedDataLength))
  session.on('Network.dataReceived', ({ encodedDataLength }) => (bytes += encodedDataLength))
  await page.goto(checkoutUrl)
  await waitForTitle(page, 'How would you like to pay?')
  const atFirst = bytes
  await payByPhone(page, phone)
  await waitForTitle(page, 'Check your phone')
  await answerQuickly(stage, phone, 'approve')
  await waitForTitle(page, 'Paid. Thank you!')
  t.diagnostic(`${atFirst} bytes to show the page, ${bytes} until it was paid`)
  assert.ok(atFirst > 3000 && bytes < MOST_BYTES, `${atFirst} and ${bytes} bytes`)
}

async function nowhere(stage: Stage, t: TestContext): Promise<void> {
  const page = await stage.page(t, { locale: 'sw-KE' })
  const answer = await page.goto(`${stage.world.url}/pay/pay_01kd3vq7m2e8wtzr4c9x5bnh6f`)
  assert.equal(answer?.status(), 404)
  await page.getByRole('heading', { name: 'Malipo haya hayapo' }).waitFor()
  assert.deepEqual(await listAxeViolations(page), [])
}

async function frontPage(stage: Stage, t: TestContext): Promise<void> {
  const page = await stage.page(t, { width: 360, height: 740 })
  await page.goto(stage.world.url)
  assert.deepEqual(await listAxeViolations(page), [])
  assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
  const [checkout] = await Promise.all([
    page.context().waitForEvent('page'),
    page.getByRole('link', { name: 'Demo checkout' }).click(),
  ])
  await waitForTitle(checkout, 'How would you like to pay?')
  assert.match(checkout.url(), /\/pay\/pay_/)
}
