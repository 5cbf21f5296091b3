import assert from 'node:assert/strict'
import { once as onceOf } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { listPageProblems } from '../axe.ts'
import { openBrowser } from '../browser.ts'
import { openWorld } from '../world.ts'
import { assertBooksHold, assertRefused, find, leap, PAYMENTS, start } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const LINKS = '/api/v1/payment-links'
const make = async (body: object = {}): Promise<any> => {
  const answer = await world.api('POST', LINKS, { currency: 'KES', amount: '1500.00', ...body })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}
const open = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { headers: { accept: 'text/html', ...headers } })
const send = (url: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'text/html', ...headers },
    body: new URLSearchParams(fields),
  })
/** Clicks the link and returns the id of the resulting payment. */
async function begin(url: string, fields: Record<string, string> = {}): Promise<string> {
  const answer = await send(url, fields)
  assert.equal(answer.status, 303, await answer.text())
  return /pay_\w+/.exec(answer.headers.get('location') ?? '')?.[0] ?? ''
}
async function pay(id: string): Promise<void> {
  await start(world, id, '254700000001')
  await world.advance(3000)
  assert.equal((await find(world, id)).status, 'paid')
}

void test('each click on a link creates a payment, and a preview creates none', async () => {
  const link = await make({ description: 'Two <mugs>', reference: 'mugs' })
  assert.equal(link.url, `${world.url}/l/${link.id}`)
  const page = await (await open(link.url)).text()
  assert.ok(page.includes('1,500') && page.includes('Two &#60;mugs&#62;'), page)
  assert.deepEqual((await world.api('GET', PAYMENTS)).body.data, [], 'messengers fetch links for a preview')
  const [first, second] = [await begin(link.url), await begin(link.url)]
  assert.notEqual(first, second)
  const payment = await find(world, first)
  assert.deepEqual(
    [payment.amount, payment.currency, payment.description, payment.reference, payment.payment_link],
    ['1500.00', 'KES', 'Two <mugs>', 'mugs', link.id],
  )
  await pay(first)
  assert.notEqual(await begin(link.url), first, 'the link stays usable')
  await assertBooksHold(world)
})

void test('a single-use link has one payment at a time and ends when it is paid', async () => {
  const link = await make({ single_use: true })
  const clicked = await Promise.all(Array.from({ length: 20 }, () => begin(link.url)))
  assert.equal(new Set(clicked).size, 1, 'twenty concurrent clicks get one payment')
  const [first = ''] = clicked
  await leap(world, 2 * 3_600_000)
  assert.equal((await find(world, first)).status, 'expired')
  const second = await begin(link.url)
  assert.notEqual(second, first, 'an expired payment does not use up the link')
  await pay(second)
  assert.match(await (await open(link.url)).text(), /This has been paid/)
  assert.equal(await begin(link.url), second, 'later clicks show the paid payment')
  const { body } = await world.api('GET', `${LINKS}/${link.id}`)
  assert.equal(body.payment, second)
})

void test('a single-use link that was partly paid leads to that payment after expiry', async () => {
  const link = await make({ single_use: true })
  const id = await begin(link.url)
  await start(world, id, '254700000009')
  await leap(world, 2 * 3_600_000)
  const { status, amount_received } = await find(world, id)
  assert.deepEqual([status, amount_received], ['expired', '1499.00'])
  assert.equal(await begin(link.url), id, 'the payer is not asked for the full amount again')
  assert.ok((await (await open(link.url)).text()).includes(`/pay/${id}`))
})

void test('an amount entered by the payer must be within the bounds', async () => {
  const link = await make({ amount: undefined, min_amount: '100', max_amount: '5000.00' })
  assert.match(await (await open(link.url)).text(), /From KES.100 to KES.5,000/)
  for (const [amount, says] of [
    ['99.99', /smallest amount is KES.100/],
    ['5000.01', /largest amount is KES.5,000/],
    ['much', /in figures/],
  ] as const) {
    const answer = await send(link.url, { amount })
    assert.equal(answer.status, 422, amount)
    assert.match(await answer.text(), says)
  }
  assert.equal((await find(world, await begin(link.url, { amount: '2,500' }))).amount, '2500.00')
  const fixed = await make()
  assert.equal(
    (await find(world, await begin(fixed.url, { amount: '1' }))).amount,
    '1500.00',
    'a fixed amount cannot change',
  )
})

void test('an archived or expired link starts no payment, and started payments can still be paid', async () => {
  const link = await make()
  const id = await begin(link.url)
  const changed = await world.api('PATCH', `${LINKS}/${link.id}`, { archived: true })
  assert.deepEqual([changed.status, changed.body.archived], [200, true])
  const answer = await send(link.url)
  assert.equal(answer.status, 200)
  assert.match(await answer.text(), /no longer active/)
  await pay(id)
  await world.api('PATCH', `${LINKS}/${link.id}`, { archived: false })
  await begin(link.url)
  const soon = await make({ expires_at: new Date(world.clock.now().getTime() + 1000).toISOString() })
  await begin(soon.url)
  assert.match(
    await (await open(soon.url)).text(),
    /http-equiv="refresh" content="2;url=\/l\//,
    'the payment does not stay open',
  )
  await leap(world, 1000)
  assert.match(await (await send(soon.url)).text(), /no longer active/)
})

const openStore = async (body: object): Promise<string> => {
  const answer = await world.api('POST', '/api/v1/stores', body)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body.id
}

void test('the links of an archived store start no payment', async () => {
  const store = await openStore({ name: 'Closing' })
  const [link, once] = [await make({ store }), await make({ store, single_use: true })]
  const begun = await begin(once.url)
  await world.api('PATCH', `/api/v1/stores/${store}`, { archived: true })
  for (const answer of [await open(link.url), await send(link.url)])
    assert.match(await answer.text(), /no longer active/)
  assert.equal(await begin(once.url), begun, 'a started payment can be paid')
})

void test('a link must fit its store’s methods and limits, checked at creation', async () => {
  const store = await openStore({ name: 'Cards', methods: ['card'] })
  const ask = (body: object) => world.api('POST', LINKS, { currency: 'KES', store, ...body })
  const refused = { status: 422, code: 'validation-failed' }
  assertRefused(await ask({ methods: ['mpesa'] }), {
    ...{ ...refused, param: 'methods', says: new RegExp(`"mpesa".* in the store ${store}, which accepts card`) },
  })
  assertRefused(await ask({ amount: '10.00' }), { ...refused, param: 'amount', says: /below the minimum/ })
  const payment = await world.api('POST', PAYMENTS, { amount: '100', currency: 'KES', store, methods: ['mpesa'] })
  assertRefused(payment, { ...refused, param: 'methods', says: new RegExp(`in the store ${store}`) })
  const link = await make({ store, methods: ['card'] })
  assertRefused(await world.api('PATCH', `${LINKS}/${link.id}`, { methods: ['mpesa'] }), {
    ...refused,
    param: 'methods',
  })
  await world.api('PATCH', `/api/v1/stores/${store}`, { methods: ['mpesa', 'card'] })
  const both = await make({ store, methods: ['card', 'mpesa'] })
  await world.api('PATCH', `/api/v1/stores/${store}`, { methods: ['mpesa'] })
  assert.deepEqual((await find(world, await begin(both.url))).methods, ['mpesa'])
  assert.match(await (await open(link.url)).text(), /cannot be paid|no way/i)
})

void test('the embeddable HTML has no scripts and escapes its values', async () => {
  const { html, url } = await make({ description: '"><script>alert(1)</script>' })
  assert.match(html.button, /^<form action="[^"]+" method="get" class="purser-form"><button type="submit"/)
  assert.ok(html.button.includes(`action="${url}"`) && html.link.includes(`href="${url}"`))
  for (const text of Object.values(html)) assert.doesNotMatch(String(text), /<script|on\w+=|\n/)
  assert.ok(html.button.includes('Pay KES\u00a01,500'))
})

/** Opens a merchant's page on another origin. */
async function openShop(body: string): Promise<{ url: string } & AsyncDisposable> {
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>A shop</title></head><body><main><h1>A shop</h1>${body}</main></body></html>`
  const server = createServer((_, answer) => void answer.setHeader('content-type', 'text/html').end(page))
  server.listen(0, '127.0.0.1')
  await onceOf(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))),
  }
}

void test('on a foreign page, without scripts, the embedded form opens the link with its amount', async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using opened = browser
  const fixed = await make({ description: 'Two mugs' })
  const free = await make({ amount: undefined, min_amount: '100', max_amount: '5000.00' })
  await world.api('PATCH', '/api/v1/merchant', { colour: '#7a1f2b' })
  const all = `${fixed.html.button}<p>${fixed.html.link}</p>${free.html.button}`
  for (const style of ['', free.html.style]) {
    await using shop = await openShop(`${all}${style}`)
    for (const width of [360, 1280]) {
      const page = await opened.page({ width, height: 740, javaScript: false })
      await page.goto(shop.url)
      const button = page.getByRole('button', { name: 'Pay KES 1,500: Two mugs' })
      const colour = await button.evaluate(
        (each: any) => each.ownerDocument.defaultView.getComputedStyle(each).backgroundColor,
      )
      assert.equal(colour === 'rgb(122, 31, 43)', style !== '', `${colour} with ${style}`)
      await button.click()
      await page.waitForURL(`${fixed.url}?`)
      await page.goto(shop.url)
      await page.getByLabel('Amount (KES)').fill('50')
      await page.getByRole('button', { name: 'Pay', exact: true }).click()
      assert.match(await page.getByRole('alert').innerText(), /smallest amount is KES.100/)
      await page.getByLabel('Amount to pay').fill('250')
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.waitForURL(/\/pay\/pay_/)
      assert.equal((await find(world, /pay_\w+/.exec(page.url())?.[0] ?? '')).amount, '250.00')
      await page.context().close()
      const seen = await opened.page({ width, height: 740 })
      await seen.goto(shop.url)
      if (style) assert.deepEqual(await listPageProblems(seen), [], `${width} px`)
      await seen.context().close()
    }
  }
})

void test('the embeddable HTML is in the language of its shop', async () => {
  const store = await world.api('POST', '/api/v1/stores', { name: 'Mombasa', locale: 'sw' })
  const { html } = await make({ amount: undefined, store: store.body.id })
  assert.ok(html.button.includes('Kiasi (KES)') && html.button.includes('>Lipa<'), html.button)
})

void test('invalid links are refused with the field', async () => {
  const refused = async (body: object, param: string, says: RegExp): Promise<void> =>
    assertRefused(await world.api('POST', LINKS, { currency: 'KES', ...body }), {
      status: 422,
      code: 'validation-failed',
      param,
      says,
    })
  await refused({ amount: '10', min_amount: '5' }, 'amount', /cannot be combined/)
  await refused({ min_amount: '10', max_amount: '5' }, 'min_amount', /at most max_amount/)
  await refused({ min_amount: '-1' }, 'min_amount', /min_amount must be a positive/)
  await refused({ currency: 'KEX' }, 'currency', /not known/)
  await refused({ currency: 'XTR' }, 'currency', /not accepted/)
  await refused({ methods: ['barter'] }, 'methods', /barter/)
  await refused({ return_url: 'https://evil.example/' }, 'return_url', /registered origin/)
})

/** Creates a key of another merchant. */
function strangerKey(): Promise<string> {
  const { identity, db } = world.app
  const actor = { type: 'system', id: 'test' } as const
  return db.transaction(async (tx) => {
    const { id: merchantId } = await identity.createMerchant(tx, { name: 'Another' }, actor)
    return `Bearer ${(await identity.createKey(tx, { merchantId, name: 'test' }, actor)).secret}`
  })
}

void test('links are listed in pages, created once per idempotency key, and private to their merchant', async () => {
  const headers = { 'idempotency-key': 'link-1' }
  const body = { currency: 'KES', amount: '7.00' }
  const [one, two] = [await world.api('POST', LINKS, body, headers), await world.api('POST', LINKS, body, headers)]
  assert.deepEqual([one.body.id, two.headers.get('idempotent-replayed')], [two.body.id, 'true'])
  const first = await world.api('GET', `${LINKS}?limit=2&archived=false`)
  assert.equal(first.body.data[0].id, one.body.id, 'newest first')
  const next = await world.api('GET', `${LINKS}?limit=2&archived=false&cursor=${first.body.next_cursor}`)
  assert.ok(next.body.data[0].id < first.body.data[1].id)
  const authorization = await strangerKey()
  const gone = { status: 404, code: 'gateway.no-such-link', param: 'id' }
  assertRefused(await world.api('GET', `${LINKS}/${one.body.id}`, undefined, { authorization }), gone)
  assertRefused(await world.api('PATCH', `${LINKS}/${one.body.id}`, { archived: true }, { authorization }), gone)
  assert.equal((await open(`${world.url}/l/lnk_nothing`)).status, 404)
  assert.equal((await send(one.body.url, {}, { 'sec-fetch-site': 'cross-site' })).status, 403)
})

void test('payments per IP address are limited, separately for each merchant', async () => {
  const { url } = await make()
  await Promise.all(Array.from({ length: 300 }, () => send(url)))
  assert.equal((await send(url)).status, 429)
  const other = await world.api('POST', LINKS, { currency: 'KES' }, { authorization: await strangerKey() })
  await begin(other.body.url, { amount: '10' })
})
