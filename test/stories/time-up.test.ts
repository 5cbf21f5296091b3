import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { waitFor } from '../wait.ts'
import { onStage, waitForTitle, type Stage } from './stage.ts'

/** After a payment expires its page stops asking for money, whatever the state of browser and network. */

const EVERY_WAY = ['mpesa', 'airtel', 'card', 'bitcoin', 'transfer']
const ASKS = '#panel form, #panel .qr, #panel [data-copy], #panel [data-wallet], #panel #phone'

onStage('sandbox', (story) => {
  story('the payment methods disappear by server events', (stage, t) => ways(stage, t, 'events'))
  story('the payment methods disappear by polling', (stage, t) => ways(stage, t, 'asking'))
  story('the payment methods disappear without JavaScript', (stage, t) => ways(stage, t, 'plain'))
  story('a Bitcoin address disappears by events, by polling and without JavaScript', async (stage, t) => {
    for (const how of ['events', 'asking', 'plain'] as const) await address(stage, t, how)
  })
  story('without a network the page also stops asking for money', offline)
  story('a browser clock that is hours off does not matter', wrongClock)
  story('a tab that was suspended shows the expiry at once', slept)
  story('a page from the back-forward cache does not ask for money', back)
  story('a transfer lasts for days and expires on page and API together', transfer)
})

type How = 'events' | 'asking' | 'plain'

async function openPage(stage: Stage, t: TestContext, how: How): Promise<Page> {
  const page = await stage.page(t, { javaScript: how !== 'plain', width: 360, height: 740 })
  if (how === 'asking') await page.route('**/events*', (route) => route.abort())
  // Block the page's own polling, so that only server events count.
  if (how === 'events') await page.route('**/panel?*', (route) => route.abort())
  return page
}

async function requireOver(page: Page, title: string | RegExp = 'This payment has expired'): Promise<void> {
  await waitForTitle(page, title)
  assert.equal(await page.locator(ASKS).count(), 0)
  await page
    .getByText(/new payment|send nothing more/i)
    .first()
    .waitFor()
}

async function ways(stage: Stage, t: TestContext, how: How): Promise<void> {
  const { checkoutUrl } = await stage.create({ methods: EVERY_WAY, expires_in: 8 })
  const page = await openPage(stage, t, how)
  await page.goto(checkoutUrl)
  await page.locator('#phone').waitFor()
  await requireOver(page)
}

async function address(stage: Stage, t: TestContext, how: How): Promise<void> {
  const { checkoutUrl } = await stage.create({ methods: ['bitcoin', 'mpesa'], expires_in: 10 })
  const page = await openPage(stage, t, how)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Bitcoin/ }).click()
  await page.locator('.qr').waitFor()
  await requireOver(page, 'The time is up')
}

async function offline(stage: Stage, t: TestContext): Promise<void> {
  const { checkoutUrl } = await stage.create({ methods: ['bitcoin'], expires_in: 10 })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Bitcoin/ }).click()
  await page.locator('.qr').waitFor()
  await page.context().setOffline(true)
  await requireOver(page, 'The time is up')
  assert.match(await page.title(), /^The time is up/)
}

async function wrongClock(stage: Stage, t: TestContext): Promise<void> {
  const { checkoutUrl } = await stage.create({ methods: EVERY_WAY, expires_in: 600 })
  for (const offMs of [-5, 5].map((hours) => hours * 3_600_000)) {
    const page = await stage.page(t)
    await page.clock.install({ time: Date.now() + offMs })
    await page.goto(checkoutUrl)
    await page.locator('.countdown .left', { hasText: /^(10:00|9:\d\d)$/ }).waitFor()
    // The browser's clock jumps forward while the page is open. Server time must win.
    await page.clock.setSystemTime(Date.now() + offMs + 7_200_000)
    await page.locator('#phone').waitFor()
    await page.locator('.countdown .left', { hasText: /^(10:00|9:\d\d)$/ }).waitFor()
    assert.equal(await page.locator('[data-state=choose]').count(), 1)
  }
}

async function slept(stage: Stage, t: TestContext): Promise<void> {
  const { checkoutUrl } = await stage.create({ methods: EVERY_WAY, expires_in: 600 })
  const page = await stage.page(t)
  await page.clock.install()
  await page.goto(checkoutUrl)
  await page.locator('#phone').waitFor()
  // The network is not yet back when the tab wakes.
  await page.context().setOffline(true)
  await page.clock.fastForward(3_600_000)
  await requireOver(page)
}

async function back(stage: Stage, t: TestContext): Promise<void> {
  const { checkoutUrl } = await stage.create({ methods: ['bitcoin'], expires_in: 10 })
  const page = await stage.page(t)
  await page.goto(checkoutUrl)
  await page.getByRole('button', { name: /Bitcoin/ }).click()
  await page.locator('.qr').waitFor()
  const { expires_at: end } = await stage.getPayment(checkoutUrl.split('/').at(-1) ?? '')
  await page.goto(`${stage.world.url}/docs/errors`)
  await waitFor('the time to be up', () => Date.now() > Date.parse(end))
  await page.goBack()
  await requireOver(page, 'The time is up')
}

async function transfer(stage: Stage, t: TestContext): Promise<void> {
  const { id, checkoutUrl } = await stage.create({ methods: ['transfer', 'mpesa'], expires_in: 60 })
  const page = await stage.page(t, { width: 360, height: 740 })
  await page.goto(checkoutUrl)
  await page.locator('.countdown').waitFor()
  await page.getByRole('button', { name: /by transfer/ }).click()
  await waitForTitle(page, /^Send KES/)
  await page.locator('.countdown').waitFor({ state: 'hidden' })
  const begun = await stage.getPayment(id)
  const [{ code, expires_at: end }] = begun.attempts
  const days = (Date.parse(begun.expires_at) - Date.parse(begun.created_at)) / 86_400_000
  assert.ok(days > 6.9 && days < 7.1 && begun.expires_at === end, `${days} days`)
  await page.getByText('These details are valid until').waitFor()

  stage.world.skip(2 * 86_400_000)
  await page.reload()
  await waitForTitle(page, /^Send KES/)
  assert.equal((await stage.getPayment(id)).status, 'open')
  stage.world.skip(6 * 86_400_000)
  await waitForTitle(page, 'This payment has expired')
  await page.locator('#panel').getByText(`your payment code ${code}`).waitFor()
  assert.equal(await page.locator(ASKS).count(), 0)
  const ended = await waitFor('the attempt to end', async () => {
    const payment = await stage.getPayment(id)
    return payment.attempts[0].status === 'failed' ? payment : undefined
  })
  assert.deepEqual([ended.status, ended.attempts[0].reason], ['expired', 'expired'])
}
