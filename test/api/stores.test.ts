import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from '#platform/database/db'
import { listPageProblems } from '../axe.ts'
import { openBrowser } from '../browser.ts'
import { onePoint } from '../png.ts'
import { openWorld } from '../world.ts'
import { assertRefused, create, find, PAYMENTS } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const actor = { type: 'system', id: 'test' } as const

/** A valid PNG of one red pixel. */
const png = (): Buffer => onePoint(200, 20, 40)

const merchant = (method: string, body?: object): Promise<any> => world.api(method, '/api/v1/merchant', body)
const pageOf = async (id: string, language = ''): Promise<string> =>
  (await fetch(`${world.url}/pay/${id}`, { headers: { 'accept-language': language } })).text()

async function storeKey(storeId: string): Promise<Record<string, string>> {
  const { identity, db } = world.app
  const input = { merchantId: world.merchantId, storeId, name: 'store' }
  const { secret } = await db.transaction((tx) => identity.createKey(tx, input, actor))
  return { authorization: `Bearer ${secret}` }
}
const openStore = async (body: object): Promise<any> => {
  const answer = await world.api('POST', '/api/v1/stores', body)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

void test('the page shows the merchant’s colour and logo; the logo is served under a content hash', async () => {
  const { id } = await create(world)
  const { status, body } = await merchant('PATCH', { colour: 'FFD700', logo: png().toString('base64') })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.colour, '#ffd700')
  const page = await pageOf(id)
  const picture = new URL(body.logo_url)
  assert.ok(page.includes(`src="${picture.pathname}"`), page)
  const served = await fetch(`${world.url}${picture.pathname}`)
  assert.deepEqual(
    [served.status, served.headers.get('content-type'), served.headers.get('x-content-type-options')],
    [200, 'image/png', 'nosniff'],
  )
  assert.match(served.headers.get('cache-control') ?? '', /immutable/)
  assert.deepEqual(Buffer.from(await served.arrayBuffer()), png())
  const [, style = ''] = /href="(\/pay\/colour\/[^"]+\.css)"/.exec(page) ?? []
  const css = await (await fetch(`${world.url}${style}`)).text()
  assert.match(css, /--main:#[0-9a-f]{6}/)
  assert.doesNotMatch(css.split('@media')[0] ?? '', /ffd700/, 'yellow on white is made darker')

  const browser = await openBrowser()
  if ('skip' in browser) return
  await using open = browser
  for (const colorScheme of ['light', 'dark'] as const) {
    const shown = await open.page({ width: 360, height: 740 })
    await shown.emulateMedia({ colorScheme })
    await shown.goto(`${world.url}/pay/${id}`)
    assert.deepEqual(await listPageProblems(shown), [], colorScheme)
    assert.equal(await shown.locator('img.logo').evaluate((image: any) => image.naturalWidth), 1, 'it is loaded')
  }
})

void test('invalid or too large pictures and invalid colours are refused', async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>').toString('base64')
  const bad = { status: 422, code: 'identity.bad-input' }
  assertRefused(await merchant('PATCH', { logo: svg }), { ...bad, param: 'logo', says: /PNG, JPEG or WebP/ })
  assertRefused(await merchant('PATCH', { colour: 'red;}' }), { ...bad, param: 'colour' })
  const large = Buffer.concat([png(), Buffer.alloc(101 * 1024)]).toString('base64')
  assertRefused(await merchant('PATCH', { logo: large }), { ...bad, param: 'logo', says: /100 kB/ })
  const huge = Buffer.alloc(300 * 1024).toString('base64')
  assertRefused(await merchant('PATCH', { logo: huge }), { status: 413, code: 'body-too-large' })
  for (const path of ['/pay/logo/x.png', '/pay/logo/..%2fx', '/pay/colour/v1/red;}.css'])
    assert.equal((await fetch(`${world.url}${path}`)).status, 404, path)
})

void test('a logo is deleted with its last user', async () => {
  const logo = (red: number): string => onePoint(red, 1, 2).toString('base64')
  const served = async (url: string): Promise<number> => (await fetch(`${world.url}${new URL(url).pathname}`)).status
  const first = (await merchant('PATCH', { logo: logo(1) })).body.logo_url
  const store = await openStore({ name: 'Pictured', logo: logo(1) })
  assert.equal(store.logo_url, first, 'the same picture is stored once')
  const second = (await merchant('PATCH', { logo: logo(2) })).body.logo_url
  assert.deepEqual([await served(first), await served(second)], [200, 200], 'the store still uses it')
  const change = (body: object): Promise<any> => world.api('PATCH', `/api/v1/stores/${store.id}`, body)
  assert.equal((await change({ logo: logo(1) })).body.logo_url, first)
  assert.equal(await served(first), 200, 'replaced by the same picture')
  await change({ logo: null })
  assert.deepEqual([await served(first), await served(second)], [404, 200])

  // One brand drops the picture while another takes it, repeatedly. The second must keep it.
  const kept = logo(3)
  await merchant('PATCH', { logo: kept })
  for (let i = 0; i < 10; i++) {
    const [mine, theirs] = [logo(10 + i), await change({ logo: logo(50 + i) })]
    assert.equal(theirs.status, 200)
    const [left, taken] = await Promise.all([merchant('PATCH', { logo: mine }), change({ logo: kept })])
    assert.deepEqual([left.status, taken.status], [200, 200], JSON.stringify([left.body, taken.body]))
    assert.equal(await served(taken.body.logo_url), 200)
    await merchant('PATCH', { logo: kept })
  }
  const { count } = await world.app.db.one<{ count: number }>(sql`select count(*)::int as count from identity.logos`)
  assert.ok(count <= 2, `${count} pictures for a merchant and a store`)
})

void test('the page is in the browser’s language, else the merchant’s', async () => {
  const { id } = await create(world)
  assert.match(await pageOf(id, 'fr'), /<html lang="en">/)
  await merchant('PATCH', { locale: 'sw' })
  assert.match(await pageOf(id, 'fr'), /<html lang="sw">/)
  assert.match(await pageOf(id, 'en-GB'), /<html lang="en">/)
  await merchant('PATCH', { locale: 'en' })
})

void test('a store has its own brand and inherits missing settings from the merchant', async () => {
  await merchant('PATCH', { colour: '#112233' })
  const store = await openStore({ name: 'Mombasa', colour: '#7a1f2b', methods: ['card'] })
  const { id } = await create(world, { store: store.id })
  const payment = await find(world, id)
  assert.deepEqual([payment.store, payment.methods], [store.id, ['card']])
  const page = await pageOf(id)
  assert.ok(page.includes('Mombasa') && page.includes('/7a1f2b.css'), page)
  const plain = await openStore({ name: 'Plain' })
  assert.ok((await pageOf((await create(world, { store: plain.id })).id)).includes('/112233.css'))
  const changed = await world.api('PATCH', `/api/v1/stores/${store.id}`, { colour: null, archived: true })
  assert.equal(changed.status, 200, JSON.stringify(changed.body))
  assert.ok((await pageOf(id)).includes('/112233.css'), 'at once')
  const archived = await world.api('POST', PAYMENTS, { amount: '10', currency: 'KES', store: store.id })
  assertRefused(archived, { status: 409, code: 'identity.store-archived', param: 'store' })
  const unknown = await world.api('POST', PAYMENTS, { amount: '10', currency: 'KES', store: 'sto_nothing' })
  assertRefused(unknown, { status: 404, code: 'identity.unknown-store', param: 'store' })
  const bad = {
    status: 422,
    code: 'validation-failed',
    param: 'methods',
    says: /"barter" is unknown; use .*mpesa/,
  }
  assertRefused(await world.api('POST', '/api/v1/stores', { name: 'Barter', methods: ['mpesa', 'barter'] }), bad)
  assertRefused(await world.api('PATCH', `/api/v1/stores/${plain.id}`, { methods: ['barter'] }), bad)
  const { body } = await world.api('GET', '/api/v1/stores?limit=1')
  assert.deepEqual([body.data.length, typeof body.next_cursor], [1, 'string'])
})

void test('a store uses its own return origins when it has any', async () => {
  const { identity, db } = world.app
  const { merchantId } = world
  await db.transaction((tx) => identity.addReturnOrigin(tx, { merchantId, origin: 'https://duka.example' }, actor))
  const input = { merchantId, name: 'origins', scopes: ['merchant:write', 'origins:write'] as const }
  const { secret } = await db.transaction((tx) => identity.createKey(tx, input, actor))
  const elsewhere = { name: 'Elsewhere', return_origins: ['https://mombasa.example'] }
  const lacks = { status: 403, code: 'forbidden', says: /origins:write/ }
  assertRefused(await world.api('POST', '/api/v1/stores', elsewhere), lacks)
  const made = await world.api('POST', '/api/v1/stores', elsewhere, { authorization: `Bearer ${secret}` })
  assert.equal(made.status, 201)
  const store = made.body
  assertRefused(await world.api('PATCH', `/api/v1/stores/${store.id}`, { return_origins: [] }), lacks)
  await create(world, { store: store.id, return_url: 'https://mombasa.example/thanks' })
  const foreign = { amount: '10', currency: 'KES', store: store.id, return_url: 'https://duka.example/' }
  assertRefused(await world.api('POST', PAYMENTS, foreign), {
    status: 422,
    code: 'validation-failed',
    param: 'return_url',
  })
})

void test('a store’s key acts for that store only', async () => {
  const ours = await openStore({ name: 'Ours' })
  const theirs = await openStore({ name: 'Theirs' })
  const key = await storeKey(ours.id)
  const otherKey = await storeKey(theirs.id)
  const call = (method: string, path: string, body?: object, headers = key): Promise<any> =>
    world.api(method, path, body, headers)
  const again = { ...key, 'idempotency-key': 'order-1' }
  const made = await call('POST', PAYMENTS, { amount: '10', currency: 'KES' }, again)
  assert.deepEqual([made.status, made.body.store], [201, ours.id], JSON.stringify(made.body))
  const elsewhere = await create(world, { store: theirs.id })
  const nowhere = await create(world)

  assert.equal((await call('GET', `${PAYMENTS}/${made.body.id}`)).status, 200)
  for (const { id } of [elsewhere, nowhere]) {
    const gone = { status: 404, code: 'payments.not-found', param: 'id' }
    assertRefused(await call('GET', `${PAYMENTS}/${id}`), gone)
    assertRefused(await call('POST', `${PAYMENTS}/${id}/cancel`), gone)
    const phone = '254700000001'
    assertRefused(await call('POST', `${PAYMENTS}/${id}/attempts`, { method: 'mpesa', phone }), gone)
  }
  const { body: list } = await call('GET', `${PAYMENTS}?store=${theirs.id}`)
  assert.deepEqual(
    list.data.map(({ id }: { id: string }) => id),
    [made.body.id],
    'the key’s store, whatever the request names',
  )
  const same = { ...otherKey, 'idempotency-key': 'order-1' }
  const second = await call('POST', PAYMENTS, { amount: '10', currency: 'KES' }, same)
  assert.deepEqual([second.status, second.body.store], [201, theirs.id], 'order numbers are per store')
  const unknown = { status: 404, code: 'identity.unknown-store', param: 'store' }
  for (const path of [PAYMENTS, '/api/v1/payment-links']) {
    const body = { amount: '10', currency: 'KES', store: theirs.id }
    const headers = { 'idempotency-key': 'order-2' }
    assert.equal((await call('POST', path, body, { ...otherKey, ...headers })).status, 201)
    const named = await call('POST', path, body, { ...key, ...headers })
    assertRefused(named, unknown, 'objects of another store are not returned')
  }
  for (const path of ['/api/v1/balance', '/api/v1/webhook-endpoints', '/api/v1/merchant', '/api/v1/stores']) {
    assertRefused(await call('GET', path), { status: 403, code: 'forbidden', says: /limited to one store/ }, path)
  }
})
