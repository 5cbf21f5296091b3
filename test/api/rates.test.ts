import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openLiveWorld } from '../live.ts'
import { openWorld } from '../world.ts'
import { assertRefused } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const MINUTE = 60_000
const ask = (query: string) => world.api('GET', `/api/v1/rates?${query}`)
const control = async (path: string, body: object): Promise<void> => {
  const answer = await world.api('POST', path, body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
}
const SOURCES = ['coingecko', 'coinbase', 'kraken']

void test('the rate of a pair is returned as documented', async () => {
  await control('/sandbox/prices', { 'BTC/USD': '60000', 'USD/KES': '125' })
  const { status, body } = await ask('base=BTC&quote=KES')
  assert.equal(status, 200)
  const { rate, ...rest } = body
  // 60,000 × 125. The simulated sources differ by hundredths of a percent.
  assert.match(rate, /^7500000(\.\d+)?$/)
  assert.deepEqual(rest, {
    object: 'rate',
    livemode: false,
    base: 'BTC',
    quote: 'KES',
    sources: ['coinbase', 'coingecko', 'kraken'],
    at: world.clock.now().toISOString(),
    age_seconds: 0,
    max_age_seconds: 600,
  })
  assert.equal((await ask('base=USD&quote=KES')).body.rate, '125')
  assert.equal((await ask('base=KES&quote=USD')).body.rate, '0.008')
  assert.equal((await ask('base=KES&quote=KES')).body.rate, '1')
})

void test('an invalid pair is refused with the field', async () => {
  assertRefused(await ask('base=BTC'), { status: 422, code: 'validation-failed', param: 'quote' })
  assertRefused(await ask('base=btc&quote=KES'), { status: 422, code: 'validation-failed', param: 'base' })
  assertRefused(await ask('base=BTC&quote=KEX'), {
    status: 422,
    code: 'validation-failed',
    param: 'quote',
    says: /KEX/,
  })
  assertRefused(await ask('base=BTC&quote=KES&at=now'), { status: 422, code: 'validation-failed', param: 'at' })
  assertRefused(await ask('base=XTR&quote=KES'), { status: 422, code: 'rates.unknown-pair', param: 'base' })
  const stranger = await world.api('GET', '/api/v1/rates?base=BTC&quote=KES', undefined, {
    authorization: 'Bearer sk_test_x',
  })
  assertRefused(stranger, { status: 401, code: 'unauthorized' })
})

void test('one source down changes nothing; with all down a stale price gives 503 with the reason; then rates recover', async () => {
  await control('/sandbox/kraken/faults', { kind: '500', count: 100 })
  await world.advance(4 * MINUTE)
  const { body } = await ask('base=BTC&quote=KES')
  assert.deepEqual([body.sources, body.age_seconds < 60], [['coinbase', 'coingecko'], true])
  for (const source of SOURCES) await control(`/sandbox/${source}/faults`, { kind: 'down', count: 1000 })
  await world.advance(9 * MINUTE)
  const kept = await ask('base=BTC&quote=KES')
  assert.deepEqual([kept.status, kept.body.rate, kept.body.age_seconds > 480], [200, body.rate, true])
  await world.advance(2 * MINUTE)
  const gone = await ask('base=BTC&quote=KES')
  assertRefused(gone, {
    status: 503,
    code: 'rates.unavailable',
    says: /600 s old: CoinGecko closed the connection early since .*Kraken/,
  })
  assert.equal(gone.headers.get('retry-after'), '60')
  const health = await world.api('GET', '/health')
  assert.deepEqual([health.status, health.body.status], [200, 'degraded'])
  assert.ok(health.body.problems.includes('rates is unhealthy'))
  for (const source of SOURCES) await control(`/sandbox/${source}/faults`, { kind: 'down', count: 0 })
  await world.advance(MINUTE)
  assert.equal((await ask('base=BTC&quote=KES')).status, 200)
})

void test('in live mode the rate comes from the configured sources', async () => {
  await using live = await openLiveWorld()
  const { status, body } = await live.api('GET', '/api/v1/rates?base=USD&quote=KES')
  assert.deepEqual([status, body.livemode, body.sources], [200, true, ['coinbase', 'coingecko']])
  assert.match(body.rate, /^129\.(5|49999)/)
  assert.equal((await live.api('POST', '/sandbox/prices', { 'BTC/USD': '1' })).status, 404, 'the sandbox is not loaded')
})
