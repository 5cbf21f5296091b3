import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Scope } from '#identity'
import { addMs } from '#platform/base/clock'
import { openWorld, type World } from '../world.ts'
import { assertBooksHold, assertRefused, create, find, leap, PAYMENTS, securityEvents } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const actor = { type: 'system', id: 'test' } as const
const bearer = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` })

interface KeyOptions {
  readonly merchantId?: string
  readonly scopes?: readonly Scope[]
  readonly expiresAt?: Date
}

const createKey = ({ merchantId = world.merchantId, ...options }: KeyOptions = {}): Promise<{
  id: string
  secret: string
}> =>
  world.app.db.transaction((tx) => world.app.identity.createKey(tx, { merchantId, name: 'test', ...options }, actor))

const createMerchant = async (): Promise<string> =>
  (await world.app.db.transaction((tx) => world.app.identity.createMerchant(tx, { name: 'Another' }, actor))).id

/** Checks that the request is refused and leaves one security event. */
async function refusedWith(headers: Record<string, string>, says: RegExp, at: World = world): Promise<void> {
  const before = at.log.entries.length
  const answer = await at.api('GET', PAYMENTS, undefined, headers)
  assertRefused(answer, { status: 401, code: 'unauthorized', says })
  assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
  const logged = at.log.entries.slice(before).filter(({ securityEvent }) => securityEvent === 'authentication-failed')
  assert.equal(logged.length, 1)
  assert.deepEqual([logged[0]?.['address'], logged[0]?.['route']], ['127.0.0.1', PAYMENTS])
  const secret = /sk_\w+/.exec(headers['authorization'] ?? '')?.[0]
  if (secret && secret.length > 12) assert.ok(!JSON.stringify(logged).includes(secret), 'the key stays out of the log')
}

void test('a missing or malformed key is refused with advice', async () => {
  await refusedWith({ authorization: '' }, /Bearer sk_test_/)
  await refusedWith({ authorization: 'Basic c2tfdGVzdF94Og==' }, /must read: Bearer sk_test_/)
  await refusedWith({ authorization: world.key }, /must read: Bearer sk_test_/)
  await refusedWith({ authorization: 'Bearer ' }, /Bearer sk_test_/)
  await refusedWith(bearer('pk_test_0123456789'), /begins with sk_test_/)
  const bare = await fetch(`${world.url}${PAYMENTS}`)
  assert.equal(bare.status, 401)
})

void test('an unknown key is refused', async () => {
  await refusedWith(bearer('sk_test_0123456789abcdef0123456789abcdef'), /not valid/)
  await refusedWith(bearer(`${world.key}x`), /not valid/)
  await refusedWith(bearer(world.key.slice(0, -1)), /not valid/)
})

void test('a live key in the sandbox and a test key in live mode are refused', async () => {
  await refusedWith(bearer('sk_live_0123456789abcdef0123456789abcdef'), /live mode.*sk_test_/)
  await using live = await openWorld({ mode: 'live' })
  assert.equal((await live.api('GET', PAYMENTS)).status, 200)
  await refusedWith(bearer('sk_test_0123456789abcdef0123456789abcdef'), /test data.*sk_live_/, live)
})

void test('a key works until it expires', async () => {
  const { secret } = await createKey({ expiresAt: addMs(world.clock.now(), 60_000) })
  assert.equal((await world.api('GET', PAYMENTS, undefined, bearer(secret))).status, 200)
  await leap(world, 59_999)
  assert.equal((await world.api('GET', PAYMENTS, undefined, bearer(secret))).status, 200)
  await leap(world, 1)
  await refusedWith(bearer(secret), /expired/)
})

void test('a key works until it is revoked', async () => {
  const { id, secret } = await createKey()
  assert.equal((await world.api('GET', PAYMENTS, undefined, bearer(secret))).status, 200)
  await world.app.db.transaction((tx) => world.app.identity.revokeKey(tx, { keyId: id }, actor))
  await refusedWith(bearer(secret), /revoked/)
})

void test('a rotated key works beside the new one until the overlap ends', async () => {
  const { id, secret } = await createKey()
  const next = await world.app.db.transaction((tx) =>
    world.app.identity.rotateKey(tx, { keyId: id, overlapMs: 60_000 }, actor),
  )
  for (const each of [secret, next.secret])
    assert.equal((await world.api('GET', PAYMENTS, undefined, bearer(each))).status, 200)
  await leap(world, 66_000)
  await refusedWith(bearer(secret), /expired/)
  assert.equal((await world.api('GET', PAYMENTS, undefined, bearer(next.secret))).status, 200)
})

void test('each route requires its scope', async () => {
  const { id } = await create(world)
  const routes: readonly [scope: Scope, method: string, path: string, body?: object][] = [
    ['payments:write', 'POST', PAYMENTS, { amount: '5', currency: 'KES' }],
    ['payments:read', 'GET', PAYMENTS],
    ['payments:read', 'GET', `${PAYMENTS}/${id}`],
    ['payments:write', 'POST', `${PAYMENTS}/${id}/attempts`, { method: 'mpesa', phone: '254700000003' }],
    ['payments:write', 'POST', `${PAYMENTS}/${id}/cancel`],
    ['balance:read', 'GET', '/api/v1/balance'],
  ]
  const all: readonly Scope[] = ['payments:read', 'payments:write', 'balance:read', 'payouts:write']
  for (const [scope, method, path, body] of routes) {
    const without = await createKey({ scopes: all.filter((each) => each !== scope) })
    const before = securityEvents(world).length
    const refused = await world.api(method, path, body, bearer(without.secret))
    assertRefused(refused, { status: 403, code: 'forbidden', says: new RegExp(scope) }, path)
    assert.deepEqual(securityEvents(world).slice(before), ['scope-missing'])
    const justIt = await createKey({ scopes: [scope] })
    const answer = await world.api(method, path, body, bearer(justIt.secret))
    assert.ok(
      answer.status < 300 || answer.body.error.code === 'payments.attempt-in-flight',
      `${path} ${answer.status}`,
    )
  }
})

void test('another merchant’s payment cannot be read, prompted for or canceled', async () => {
  const { id } = await create(world)
  const { secret } = await createKey({ merchantId: await createMerchant() })
  const missing = 'pay_01kf0e4afge398ejs1g0a1x3jp'
  const routes: readonly [method: string, path: string, body?: object][] = [
    ['GET', ''],
    ['POST', '/attempts', { method: 'mpesa', phone: '254700000001' }],
    ['POST', '/cancel'],
  ]
  for (const [method, path, body] of routes) {
    const theirs = await world.api(method, `${PAYMENTS}/${id}${path}`, body, bearer(secret))
    assertRefused(theirs, { status: 404, code: 'payments.not-found', ...(theirs.body.error.param && { param: 'id' }) })
    const none = await world.api(method, `${PAYMENTS}/${missing}${path}`, body, bearer(secret))
    const words = ({ body: { error } }: typeof none) => [error.code, error.message.replaceAll(/pay_\w+/g, 'ID')]
    assert.deepEqual(
      [none.status, ...words(none)],
      [404, ...words(theirs)],
      'with the same message as for a missing payment',
    )
  }
  const { body: list } = await world.api('GET', PAYMENTS, undefined, bearer(secret))
  assert.deepEqual(list.data, [])
  const mine = await find(world, id)
  assert.deepEqual([mine.status, mine.attempts], ['open', []])
})

void test('the body of an unauthenticated request is not read', async () => {
  const body = JSON.stringify({ amount: 'x'.repeat(1_000_000) })
  assertRefused(await world.api('POST', PAYMENTS, body, bearer('sk_test_nobody')), {
    status: 401,
    code: 'unauthorized',
  })
  assertRefused(await world.api('POST', PAYMENTS, '{"amount":', bearer('sk_test_nobody')), {
    status: 401,
    code: 'unauthorized',
  })
})

void test('the books hold afterwards', () => assertBooksHold(world))
