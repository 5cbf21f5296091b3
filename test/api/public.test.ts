import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openWorld } from '../world.ts'
import { assertRefused, create, leap, paid, prompt } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Without a key, as a monitoring script asks. */
const ask = (path: string): Promise<any> => world.api('GET', path, undefined, { authorization: '' })
const figures = async (): Promise<any> => {
  // What was counted some seconds ago is told again.
  await leap(world, 5000)
  const { status, body } = await ask('/api/metrics')
  assert.equal(status, 200)
  return body
}

void test('figures of a desk without payments say so', async () => {
  const { daily_transactions, total_transactions, success_rate, avg_response_time } = await figures()
  assert.deepEqual([daily_transactions, total_transactions, success_rate], [0, 0, null])
  assert.equal(avg_response_time, null)
})

void test('payments are counted by the day of the business, and for ever; tries by what became of them', async () => {
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
  assert.equal(first.success_rate, 50, 'one of two tries; the payment that nobody tried to pay counts nowhere')
  assert.ok(first.avg_response_time > 0)

  // It is noon in Nairobi. The tallies of the quarters go on while nothing happens, and midnight begins a new day.
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

void test('the API says what it is, and to whom it belongs is nobody’s business', async () => {
  const { status, body } = await ask('/api/v1')
  assert.equal(status, 200)
  assert.deepEqual([body.object, body.mode, body.livemode], ['api', 'sandbox', false])
  assert.ok(body.methods.some((each: any) => each.method === 'mpesa' && each.currencies.includes('KES')))
  assert.ok(!JSON.stringify(body).includes('mer_'))
})

void test('caches are warmed by whoever asks, but not again and again', async () => {
  const { status, body } = await ask('/api/warmup-cache')
  assert.equal(status, 200)
  assert.ok(body.prices === 3 && body.connections > 0, JSON.stringify(body))
  const answers = []
  for (let i = 0; i < 6; i++) answers.push(await ask('/api/warmup-cache'))
  assertRefused(answers.at(-1), { status: 429, code: 'rate-limited' })
})

void test('what is public of Crossmint is told, and no more', async () => {
  const { body } = await ask('/api/crossmint/config')
  assert.deepEqual(body, { enabled: true, environment: 'staging' })
})
