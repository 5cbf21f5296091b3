import assert from 'node:assert/strict'
import { test } from 'node:test'
import { money, assetOf } from '#money'
import { addMs } from '#platform/base/clock'
import { openWorld, type Answer, type World } from '../world.ts'

/** Tests of the checkout page over HTTP, beyond what a browser sends or shows. */

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const SCRIPT = { ...FORM, 'x-panel': '1', 'sec-fetch-site': 'same-origin' }
const BY_PHONE = 'method=mpesa&phone=0712345678'

async function create(world: World, more: object = {}): Promise<string> {
  const { status, body } = await world.api('POST', '/api/v1/payments', { amount: '1500.00', currency: 'KES', ...more })
  assert.equal(status, 201, JSON.stringify(body))
  return body.id
}

const post = (world: World, id: string, form: string, headers: Record<string, string> = SCRIPT): Promise<Answer> =>
  world.api('POST', `/pay/${id}/attempts`, form, headers)
const stateOf = ({ body }: Answer): string => /data-state="(\w+)"/.exec(String(body))?.[1] ?? 'no panel'
const attemptsOf = async (world: World, id: string): Promise<number> =>
  (await world.api('GET', `/api/v1/payments/${id}`)).body.attempts.length

test('another site cannot make a visitor’s browser prompt phones', async () => {
  await using world = await openWorld()
  const id = await create(world)
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ]) {
    const { status } = await post(world, id, BY_PHONE, { ...FORM, ...headers })
    assert.equal(status, 403, JSON.stringify(headers))
  }
  assert.equal(await attemptsOf(world, id), 0)
  assert.equal((await post(world, id, BY_PHONE, { ...FORM, origin: world.url })).status, 303)
  assert.equal(await attemptsOf(world, id), 1)
})

test('attempts per IP address are limited, with a time to wait', async () => {
  await using world = await openWorld()
  const id = await create(world)
  const statuses: number[] = []
  for (let i = 0; i < 301; i++) statuses.push((await post(world, id, BY_PHONE)).status)
  assert.equal(statuses[0], 200)
  assert.ok(statuses.slice(1, 300).every((status) => status === 409))
  assert.equal(statuses[300], 429)
  assert.match(String((await post(world, id, BY_PHONE)).body), /Too many attempts\. Wait 10 min/)
})

test('page requests per IP address are limited, with an error page', async () => {
  await using world = await openWorld()
  const id = await create(world)
  const fetchPage = async (path: string): Promise<Response> => {
    const answer = await fetch(world.url + path, { headers: { accept: 'text/html' } })
    if (answer.ok) await answer.body?.cancel()
    return answer
  }
  for (let n = 0; n < 3000; n += 50) await Promise.all(Array.from({ length: 50 }, () => fetchPage(`/pay/${id}/panel`)))
  const refused = await fetchPage(`/pay/${id}`)
  assert.deepEqual([refused.status, refused.headers.get('retry-after') !== null], [429, true])
  assert.match(await refused.text(), /<html[^]*wait/i)
})

test('guessing payment ids is limited', async () => {
  await using world = await openWorld()
  const fetchPage = (): Promise<Answer> => world.api('GET', '/pay/pay_01kd3vq7m2e8wtzr4c9x5bnh6f')
  for (let i = 0; i < 100; i++) assert.equal((await fetchPage()).status, 404)
  const { status, headers } = await fetchPage()
  assert.equal(status, 429)
  assert.ok(Number(headers.get('retry-after')) > 800)
  assert.equal((await world.api('GET', `/pay/${await create(world)}`)).status, 200)
})

test('payments of other desk modules have no checkout page', async () => {
  await using world = await openWorld()
  const { intent } = await world.app.payments.create(world.app.db, {
    owner: 'hub',
    merchantId: world.merchantId,
    livemode: false,
    amount: money(assetOf('KES'), 100n),
    methods: ['mpesa'],
    terms: { merchantName: 'Hub' },
    expiresAt: addMs(world.clock.now(), 60_000),
  })
  for (const path of ['', '/panel', '/events'])
    assert.equal((await world.api('GET', `/pay/${intent.id}${path}`)).status, 404, path)
})

test('the page forbids framing, caching and foreign scripts; its assets are compressed and immutable', async () => {
  await using world = await openWorld()
  const { headers, body } = await world.api('GET', `/pay/${await create(world)}`)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.match(headers.get('content-security-policy') ?? '', /script-src 'self'.*frame-ancestors 'none'/)
  assert.ok(!/style="|<script(?! type="module" src="\/pay)/.test(body))
  for (const [path = ''] of String(body).matchAll(/\/pay\/assets\/[\w.]+/g)) {
    const file = await world.api('GET', path)
    assert.match(file.headers.get('cache-control') ?? '', /immutable/)
    assert.equal(file.headers.get('content-encoding'), 'gzip')
    const plain = await world.api('GET', path, undefined, { 'accept-encoding': 'identity' })
    assert.equal(plain.headers.get('content-encoding'), null)
    assert.equal(plain.body, file.body)
  }
})

test('the event stream of a paid payment reports it and ends', async () => {
  await using world = await openWorld()
  const id = await create(world)
  await post(world, id, 'method=mpesa&phone=0700000001')
  await world.advance(3000)
  const { headers, body } = await world.api('GET', `/pay/${id}/events?lang=sw`)
  assert.equal(headers.get('content-type'), 'text/event-stream')
  assert.match(body, /^id: \d+\ndata: <div\n/)
  assert.match(body, /Umelipa\. Asante!/)
  assert.ok(body.endsWith('event: end\ndata: 1\n\n'))
})

test('a payer who returns before the provider’s event sees the payment as paid at once', async () => {
  await using world = await openWorld()
  const id = await create(world)
  const { headers } = await post(world, id, 'method=card', { ...FORM, origin: world.url })
  const cardUrl = headers.get('location') ?? ''
  assert.match(cardUrl, /\/sandbox\/stripe\/pay\//)
  const card = 'number=4242424242424242&expiry=12/34&cvc=123'
  await world.api('POST', new URL(cardUrl).pathname, card, FORM)
  // The clock stands still, so no event was delivered and no polling ran.
  assert.equal((await world.api('GET', `/api/v1/payments/${id}`)).body.status, 'open')
  const { body } = await world.api('GET', `/pay/${id}`)
  assert.match(String(body), /Paid\. Thank you!/)
  assert.deepEqual(await world.broken(), [])
})

test('after expiry nothing can be started, even before the sweep', async () => {
  await using world = await openWorld()
  const id = await create(world, { expires_in: 60 })
  const clock = world.clock as typeof world.clock & { advance(ms: number): void }
  clock.advance(60_000)
  assert.equal((await world.api('GET', `/api/v1/payments/${id}`)).body.status, 'open')
  assert.equal(stateOf(await world.api('GET', `/pay/${id}/panel`)), 'expired')
  assert.equal(stateOf(await post(world, id, BY_PHONE)), 'expired')
  assert.equal(await attemptsOf(world, id), 0)
})

test('a payment canceled meanwhile is shown without an error', async () => {
  await using world = await openWorld()
  const id = await create(world)
  await world.api('POST', `/api/v1/payments/${id}/cancel`)
  const answer = await post(world, id, BY_PHONE)
  assert.equal(answer.status, 200)
  assert.equal(stateOf(answer), 'canceled')
})
