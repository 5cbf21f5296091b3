import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listPageProblems } from './axe.ts'
import { openBrowser } from './browser.ts'
import { answerQuickly, newPhone, onStage, payByPhone, typeCard, waitForTitle } from './stories/stage.ts'
import { openLiveWorld } from './live.ts'
import { openWorld, type World } from './world.ts'

const send = (world: World, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${world.url}/checkout?lang=en`, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'text/html', ...headers },
    body: new URLSearchParams(fields),
  })

void test('an amount in everyday notation creates a payment with the preferred method first', async () => {
  await using world = await openWorld()
  const answer = await send(world, { amount: 'KES 1,500.50', currency: 'KES', method: 'card', note: 'Fees of <May>' })
  assert.equal(answer.status, 303, await answer.text())
  const [, id = ''] = /^\/pay\/(pay_\w+)\?lang=en$/.exec(answer.headers.get('location') ?? '') ?? []
  const { body } = await world.api('GET', `/api/v1/payments/${id}`)
  assert.deepEqual([body.amount, body.currency, body.methods[0]], ['1500.50', 'KES', 'card'])
  assert.equal(body.description, 'Fees of <May>')
})

void test('an invalid amount gets a plain message, and the typed values stay', async () => {
  await using world = await openWorld()
  for (const [amount, says] of [
    ['', 'Enter an amount in figures'],
    ['0', 'Enter an amount in figures'],
    ['-5', 'Enter an amount in figures'],
    ['1.500,00', 'Enter an amount in figures'],
    ['1e3', 'Enter an amount in figures'],
    ['5.123', 'KES has at most 2 decimals.'],
    ['0.01', 'The smallest amount is'],
    ['99999999999', 'The largest amount is'],
  ] as const) {
    const answer = await send(world, { amount, currency: 'KES', note: 'kept' })
    const page = await answer.text()
    assert.equal(answer.status, 422, `${amount}: ${page}`)
    assert.ok(page.includes(says), `${amount}: ${page}`)
    assert.ok(page.includes('value="kept"') && page.includes(`value="${amount}"`), amount)
  }
  const { body } = await world.api('GET', '/api/v1/payments')
  assert.deepEqual(body.data, [], 'no payment was created')
})

void test('another site cannot create payments through its visitors’ browsers, and creation is limited', async () => {
  await using world = await openWorld()
  const foreign = await send(world, { amount: '10', currency: 'KES' }, { 'sec-fetch-site': 'cross-site' })
  assert.equal(foreign.status, 403)
  const pay = (): Promise<Response> => send(world, { amount: '10', currency: 'KES' })
  await Promise.all(Array.from({ length: 300 }, pay))
  const answer = await pay()
  assert.equal(answer.status, 429)
  assert.match(await answer.text(), /Too many attempts/)
})

void test('an installation with several merchants has no checkout page until one is configured', async () => {
  await using world = await openLiveWorld()
  const { identity, db } = world.app
  const fetchStatus = async (): Promise<number> =>
    (await fetch(`${world.url}/checkout`, { headers: { accept: 'text/html' } })).status
  assert.equal(await fetchStatus(), 200, 'the only merchant')
  await db.transaction((tx) => identity.createMerchant(tx, { name: 'Another' }, { type: 'system', id: 'test' }))
  assert.equal(await fetchStatus(), 404)
})

onStage('sandbox', (story) => {
  story('a payer enters an amount and pays it, in Swahili, on a small phone, without JavaScript', async (stage, t) => {
    const page = await stage.page(t, { width: 360, height: 740, javaScript: false, locale: 'sw-KE' })
    await page.goto(`${stage.world.url}/checkout`)
    await page.getByLabel('Kiasi cha kulipa').fill('2,300')
    await page.getByLabel('Sababu ya malipo').fill('Karo ya Mei')
    await page.getByRole('button', { name: 'Endelea' }).click()
    await page.waitForURL(/\/pay\/pay_/)
    const phone = newPhone()
    await payByPhone(page, phone)
    await answerQuickly(stage, phone, 'approve')
    await waitForTitle(page, 'Umelipa')
    assert.equal(await stage.balance(), 2300n)
  })
  story('a payer opens a single-use link, enters the amount and pays by card', async (stage, t) => {
    const body = { currency: 'KES', min_amount: '100', single_use: true, description: 'A gift' }
    const { body: link } = await stage.world.api('POST', '/api/v1/payment-links', body)
    const before = await stage.balance()
    const page = await stage.page(t, { width: 360, height: 740 })
    await page.setContent(link.html.button)
    await page.getByLabel('Amount (KES)').fill('450')
    await page.getByRole('button', { name: 'Pay: A gift' }).click()
    assert.equal(await page.getByLabel('Amount to pay').inputValue(), '450')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('button', { name: /by card/ }).click()
    await typeCard(page, '4242 4242 4242 4242')
    await waitForTitle(page, 'Paid')
    await page.goto(link.url)
    await page.getByRole('link', { name: 'Show the payment' }).click()
    await waitForTitle(page, 'Paid')
    assert.equal((await stage.balance()) - before, 450n)
  })
})

for (const { width, lang, scheme } of [
  { width: 1200, lang: 'en', scheme: 'light' },
  { width: 360, lang: 'sw', scheme: 'dark' },
] as const) {
  void test(`the amount page is accessible at ${width} px`, { timeout: 120_000 }, async (t) => {
    await using world = await openWorld()
    const browser = await openBrowser()
    if ('skip' in browser) return t.skip(browser.skip)
    await using open = browser
    const page = await open.page({ width, height: 740 })
    await page.emulateMedia({ colorScheme: scheme })
    await page.goto(`${world.url}/checkout?lang=${lang}`)
    assert.deepEqual(await listPageProblems(page), [])
    await page.locator('#amount').fill('0')
    await page.locator('form button').click()
    await page.locator('#amount-problem').waitFor()
    assert.deepEqual(await listPageProblems(page), [])
    for (const asked of [{ amount: '1500.00' }, { min_amount: '10', max_amount: '99999' }]) {
      const made = { currency: 'KES', description: 'Two mugs and a bag of coffee', ...asked }
      const { body: link } = await world.api('POST', '/api/v1/payment-links', made)
      await page.goto(`${link.url}?lang=${lang}`)
      assert.deepEqual(await listPageProblems(page), [])
    }
  })
}
