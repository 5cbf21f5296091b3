import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openWorld } from '../world.ts'
import { assertRefused, create, leap, paid, prompt } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Calls without a key, as a monitoring script does. */
const ask = (path: string): Promise<any> => world.api('GET', path, undefined, { authorization: '' })
const figures = async (): Promise<any> => {
  // Figures are cached for some seconds.
  await leap(world, 5000)
  const { status, body } = await ask('/api/metrics')
  assert.equal(status, 200)
  return body
}

void test('figures without payments are reported as such', async () => {
  const { daily_transactions, total_transactions, success_rate, avg_response_time } = await figures()
  assert.deepEqual([daily_transactions, total_transactions, success_rate], [0, 0, null])
  assert.equal(avg_response_time, null)
})

void test('payments are counted per business day and in total; attempts are counted by result', async () => {
  await paid(world)
  const { id } = await create(world)
  await prompt(world, id, '254700000002')
  await world.advance(10_000)
  await create(world)
  const { body: exported } = await ask('/metrics')
  for (const status of ['paid', 'failed'])
    assert.match(exported, new RegExp(`^payments_total\\{provider="mpesa",status="${status}"\\} 1$`, 'm'))
  const first = await figures()
  assert.deepEqual([first.daily_transactions, first.total_transactions], [3, 3])
  assert.equal(first.success_rate, 50, 'one of two attempts succeeded; a payment without attempts does not count')
  assert.ok(first.avg_response_time > 0)

  // It is noon in Nairobi. Figures per quarter hour advance without activity, and midnight starts a new day.
  for (let hour = 0; hour < 12; hour++) {
    await leap(world, HOUR_MS)
    if (hour === 5) await create(world)
  }
  await leap(world, 30 * MINUTE_MS)
  await create(world)
  const next = await figures()
  assert.deepEqual([next.daily_transactions, next.total_transactions], [1, 5])
  await leap(world, 24 * HOUR_MS)
  const last = await figures()
  assert.deepEqual([last.daily_transactions, last.total_transactions, last.success_rate], [0, 5, null])
})

void test('the API describes itself without revealing its owner', async () => {
  const { status, body } = await ask('/api/v1')
  assert.equal(status, 200)
  assert.deepEqual([body.object, body.mode, body.livemode], ['api', 'sandbox', false])
  assert.ok(body.methods.some((each: any) => each.method === 'mpesa' && each.currencies.includes('KES')))
  assert.ok(!JSON.stringify(body).includes('mer_'))
})

void test('a public request warms the caches, at a limited rate', async () => {
  const { status, body } = await ask('/api/warmup-cache')
  assert.equal(status, 200)
  assert.ok(body.prices === 3 && body.connections > 0, JSON.stringify(body))
  const answers = []
  for (let i = 0; i < 6; i++) answers.push(await ask('/api/warmup-cache'))
  assertRefused(answers.at(-1), { status: 429, code: 'rate-limited' })
})

void test('only Crossmint’s public values are returned', async () => {
  const { body } = await ask('/api/crossmint/config')
  assert.deepEqual(body, { enabled: true, environment: 'staging' })
})
