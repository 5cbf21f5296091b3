import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWorld } from '../world.ts'
import { assertRefused, PAYMENTS, securityEvents } from './shop.ts'

const actor = { type: 'system', id: 'test' } as const

void test('requests per key and minute are limited, and headers report the remaining number', async () => {
  await using world = await openWorld({ env: { API_REQUESTS_PER_MINUTE: '5' } })
  const seen: (string | null)[] = []
  for (let n = 0; n < 5; n++) {
    const answer = await world.api('GET', PAYMENTS)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('ratelimit-limit'), '5')
    const reset = Number(answer.headers.get('ratelimit-reset'))
    assert.ok(reset > 0 && reset <= 60)
    seen.push(answer.headers.get('ratelimit-remaining'))
  }
  assert.deepEqual(seen, ['4', '3', '2', '1', '0'])
  const refused = await world.api('POST', PAYMENTS, { amount: '5', currency: 'KES' })
  assertRefused(refused, { status: 429, code: 'rate-limited', says: /5 requests a minute: wait \d+ s/ })
  assert.equal(refused.headers.get('ratelimit-remaining'), '0')
  assert.equal(refused.headers.get('retry-after'), refused.headers.get('ratelimit-reset'))

  const { identity, db } = world.app
  const other = await db.transaction((tx) =>
    identity.createKey(tx, { merchantId: world.merchantId, name: 'other' }, actor),
  )
  const allowed = await world.api('GET', PAYMENTS, undefined, { authorization: `Bearer ${other.secret}` })
  assert.equal(allowed.status, 200, 'each key has its own')
  assert.equal((await fetch(`${world.url}/health`)).status, 200)
})

void test('concurrent requests do not exceed the limit', async () => {
  await using world = await openWorld({ env: { API_REQUESTS_PER_MINUTE: '20' } })
  const answers = await Promise.all(Array.from({ length: 60 }, () => world.api('GET', '/api/v1/balance')))
  assert.equal(answers.filter(({ status }) => status === 200).length, 20)
  for (const answer of answers.filter(({ status }) => status !== 200))
    assertRefused(answer, { status: 429, code: 'rate-limited' })
})

void test('an IP address with wrong keys is blocked without filling the log, and valid keys keep working', async () => {
  await using world = await openWorld()
  assert.equal((await world.api('GET', PAYMENTS)).status, 200)
  const guess = (n: number) =>
    world.api('GET', PAYMENTS, undefined, { authorization: `Bearer sk_test_guess${n}xxxxxxxxxxxxxxxx` })
  for (let n = 0; n < 100; n++) assertRefused(await guess(n), { status: 401, code: 'unauthorized' })
  for (let n = 100; n < 110; n++)
    assertRefused(await guess(n), { status: 429, code: 'rate-limited', says: /invalid key: wait \d+ s/ })
  const events = securityEvents(world)
  assert.equal(events.filter((name) => name === 'authentication-failed').length, 100)
  assert.equal(events.filter((name) => name === 'authentication-blocked').length, 1)
  assert.equal((await world.api('GET', PAYMENTS)).status, 200, 'shops behind one address do not lock each other out')
  const { identity, db } = world.app
  const input = { merchantId: world.merchantId, name: 'new' }
  const { secret } = await db.transaction((tx) => identity.createKey(tx, input, actor))
  const unproven = await world.api('GET', PAYMENTS, undefined, { authorization: `Bearer ${secret}` })
  assertRefused(unproven, { status: 429, code: 'rate-limited', says: /were valid before/ })
})

void test('callbacks are not limited', async () => {
  await using world = await openWorld({ env: { API_REQUESTS_PER_MINUTE: '1' } })
  const answers = await Promise.all(
    Array.from({ length: 150 }, () => fetch(`${world.url}/api/webhook/stk/att_x.y`, { method: 'POST', body: '{}' })),
  )
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([401]))
})
