import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { openBrowser, type OpenBrowser, type PageOptions } from '../browser.ts'
import { openLiveWorld } from '../live.ts'
import { waitFor } from '../wait.ts'
import { openWorld, type World } from '../world.ts'

/** A program, a browser, and the payers' side of every provider. */
export interface Stage extends AsyncDisposable {
  readonly world: World
  /** Base URL of the provider pages where phones are answered and cards entered. */
  readonly providersUrl: string
  /** Opens a page that closes with the test. A failing test saves its picture in `test-results/`. */
  page(t: TestContext, options?: PageOptions): Promise<Page>
  /** Creates a payment through the API. Returns its id and checkout URL. */
  create(more?: object): Promise<{ id: string; checkoutUrl: string }>
  /** Returns the payment as the API shows it. */
  getPayment(id: string): Promise<any>
  /** Returns the merchant's available balance, in whole shillings or in minor units of another currency. */
  balance(currency?: string): Promise<bigint>
  /** Checks the books: the trial balance is zero in every asset, and every invariant holds. */
  requireIntactBooks(): Promise<void>
}

type Story = (stage: Stage, t: TestContext) => Promise<void>

/** Runs stories on one stage, one after the other, and checks the books after each. Skips them, with a reason, without a browser. */
export function onStage(mode: 'sandbox' | 'live', add: (story: (name: string, run: Story) => void) => void): void {
  describe(`on the ${mode} stage`, { timeout: 300_000 }, () => {
    let opened: Stage | { skip: string } = { skip: 'the stage was not opened' }
    before(async () => {
      opened = await openStage(mode)
    })
    after(async () => {
      if (!('skip' in opened)) await opened[Symbol.asyncDispose]()
    })
    add((name, run) => {
      test(name, async (t) => {
        if ('skip' in opened) return t.skip(opened.skip)
        await run(opened, t)
        await opened.requireIntactBooks()
      })
    })
  })
}

async function openStage(mode: 'sandbox' | 'live'): Promise<Stage | { skip: string }> {
  const browser = await openBrowser()
  if ('skip' in browser) return browser
  const stack = new AsyncDisposableStack()
  stack.use(browser)
  try {
    const world = stack.use(mode === 'live' ? await openLiveWorld() : await openWorld({ clock: 'system' }))
    const providersUrl = 'providersUrl' in world ? String(world.providersUrl) : world.url
    return stageOf(world, providersUrl, browser, () => stack.disposeAsync())
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

function stageOf(world: World, providersUrl: string, browser: OpenBrowser, close: () => Promise<void>): Stage {
  const getPayment = async (id: string): Promise<any> => {
    const { status, body } = await world.api('GET', `/api/v1/payments/${id}`)
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  return {
    world,
    providersUrl,
    page: (t, options) => openPage(t, browser, options),
    create: async (more = {}) => {
      const asked = { amount: '1500.00', currency: 'KES', ...more }
      const { status, body } = await world.api('POST', '/api/v1/payments', asked)
      assert.equal(status, 201, JSON.stringify(body))
      return { id: body.id, checkoutUrl: body.checkout_url }
    },
    getPayment,
    balance: async (currency = 'KES') => {
      const { body } = await world.api('GET', '/api/v1/balance')
      const row = body.balances.find((each: { currency: string }) => each.currency === currency)
      const available = row === undefined ? '0.00' : row.available
      return BigInt(currency === 'KES' ? available.replace('.00', '') : available.replace('.', ''))
    },
    requireIntactBooks: async () => {
      const totals = await world.app.ledger.trialBalance(world.app.db)
      for (const { asset, total } of totals) assert.equal(total, 0n, asset)
      assert.deepEqual(await world.broken(), [])
    },
    [Symbol.asyncDispose]: close,
  }
}

const RESULTS = join(import.meta.dirname, '../../test-results')

async function openPage(t: TestContext, browser: OpenBrowser, options?: PageOptions): Promise<Page> {
  const page = await browser.page(options)
  t.after(async () => {
    // Node's types lack this property.
    const { passed } = t as TestContext & { readonly passed: boolean }
    if (!passed) {
      mkdirSync(RESULTS, { recursive: true })
      await page.screenshot({ path: join(RESULTS, `${t.name.replaceAll(/\W+/g, '-')}.png`) }).catch(() => undefined)
    }
    await page.context().close()
  })
  return page
}

let numbers = 0
/** Returns a Kenyan number that no other test or simulated phone uses. */
export const newPhone = (): string => `2547${String(12_000_000 + process.pid * 100 + ++numbers).slice(-8)}`

/** Formats `254712345678` as `0712345678`, as a payer types it. */
export const national = (phone: string): string => phone.replace(/^254/, '0')

/** Enters the number and requests the prompt. */
export async function payByPhone(page: Page, phone: string): Promise<void> {
  await page.locator('#phone').fill(national(phone))
  await page.getByRole('button', { name: /M-\W?Pesa/ }).click()
}

/** Answers the phone's newest prompt on /sandbox. */
export async function answerPrompt(
  { providersUrl }: Stage,
  page: Page,
  phone: string,
  answer: 'Approve' | 'Decline',
): Promise<void> {
  await page.goto(`${providersUrl}/sandbox?phone=${phone}`)
  await page.getByRole('button', { name: answer }).click()
  await page.getByRole('button', { name: answer }).waitFor({ state: 'detached' })
}

/** Answers the phone's prompt without a browser. */
export async function answerQuickly(
  { providersUrl }: Stage,
  phone: string,
  answer: 'approve' | 'decline',
): Promise<void> {
  await waitFor(`a prompt on ${phone}`, async () => {
    const { status } = await fetch(`${providersUrl}/sandbox/phone/${phone}/${answer}`, { method: 'POST' })
    return status === 200
  })
}

/** Enters a card on the provider's page. */
export async function typeCard(page: Page, number: string): Promise<void> {
  await page.waitForURL(/\/sandbox\/stripe\/pay\/cs_[^/]+$/)
  await page.getByLabel('Card number').fill(number)
  await page.getByLabel('Expires').fill('12 / 34')
  await page.getByLabel('Security code').fill('123')
  await page.getByRole('button', { name: /^Pay/ }).click()
}

/** Waits until the panel's headline or question has this text. */
export const waitForTitle = (page: Page, title: string | RegExp): Promise<void> =>
  page.locator('#panel [data-title]').filter({ hasText: title }).first().waitFor()
