import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../test/database.ts'
import { openSimulators } from '../../test/simulators.ts'
import { createSetClock, type SetClock } from '#platform/base/clock'
import type { ConfigSpec } from '#platform/environment/config'
import { sql, type Db } from '#platform/database/db'
import { createFetch, type Fetch } from '#platform/web/fetch'
import { createIds } from '#platform/base/ids'
import { createMemoryLog, silentLog, type MemoryLog } from '#platform/observe/log'
import { createMetrics, type Metrics } from '#platform/observe/metrics'
import { Secret } from '#platform/base/secrets'
import { sandboxCredentials, sandboxSchema } from '#sandbox'
import { money } from '#money'
import { createRates, priceSourcesConfig, ratesConfig, ratesSchema, RatesUnavailable, type Rates } from './index.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

interface Bench extends AsyncDisposable {
  readonly clock: SetClock
  readonly db: Db
  readonly rates: Rates
  readonly log: MemoryLog
  readonly metrics: Metrics
  /** Current settings RATES_…. */
  readonly env: Record<string, string>
  /** Labels of the requests sent so far. */
  readonly sent: string[]
  /** Creates another instance over the same database. */
  other(): Rates
  fault(source: string, kind: string, options?: { count?: number; percent?: number }): Promise<void>
  setPrices(prices: Record<string, string>): Promise<void>
  /** Advances the time in steps of ten seconds and runs the cron at each. */
  pass(ms: number): Promise<void>
}

/** Uses short deadlines, so that a source without a response does not delay the tests. */
const HASTY_MS = 400

async function openBench(env: Record<string, string> = {}): Promise<Bench> {
  const stack = new AsyncDisposableStack()
  const clock = createSetClock()
  const ids = createIds(clock)
  const { db } = stack.use(await openTestDatabase([sandboxSchema, ratesSchema]))
  const simulators = stack.use(await openSimulators({ db, clock, ids }))
  const log = createMemoryLog({ level: 'info' })
  const metrics = createMetrics({ defaults: false })
  const plain = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'sandbox' })
  stack.defer(() => plain.close())
  const sent: string[] = []
  const fetch: Fetch = Object.assign(
    (request: Parameters<Fetch>[0]) => {
      sent.push(request.label)
      return plain({ ...request, deadlineMs: HASTY_MS })
    },
    { untrusted: plain.untrusted, refusalOf: plain.refusalOf, close: plain.close },
  )
  const sources = read(priceSourcesConfig, sandboxCredentials(simulators.url))
  const open = (): Rates =>
    createRates({ db, fetch, clock, ids, log, metrics, config: () => read(ratesConfig, env), sources: () => sources })
  const rates = open()
  const post = async (path: string, body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const request = {
      method: 'POST',
      url: simulators.url + path,
      headers,
      body: JSON.stringify(body),
      label: 'control',
    }
    const answer = await plain({ ...request, method: 'POST' })
    assert.equal(answer.status, 200, answer.text())
  }
  return {
    ...{ clock, db, rates, log, metrics, env, sent, other: open },
    fault: (source, kind, { count = 1000, ...rest } = {}) =>
      post(`/sandbox/${source}/faults`, { kind, count, ...rest }),
    setPrices: (prices) => post('/sandbox/prices', prices),
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= 10 * SECOND) {
        clock.advance(10 * SECOND)
        await rates.refresh()
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

function read<Out>(spec: ConfigSpec<Out>, texts: Record<string, string>): Out {
  const raw = new Map(Object.entries(texts).map(([name, text]) => [name, new Secret(text)]))
  const { value, problems } = spec.parse(raw, { mode: 'sandbox' })
  if (value === undefined) throw new Error(problems.join('; '))
  return value
}

const unavailable =
  (...parts: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof RatesUnavailable)
    assert.deepEqual([error.code, error.status, error.retryAfterSeconds], ['rates.unavailable', 503, 60])
    for (const part of parts) assert.match(error.message, part)
    return true
  }

async function counted(bench: Bench, name: string, source: string): Promise<number> {
  const { values } = (await bench.metrics.registry.getSingleMetric(name)?.get()) ?? { values: [] }
  return values.filter(({ labels }) => labels.source === source).reduce((sum, { value }) => sum + value, 0)
}

void test('the rate is the median of three sources, directly or through USD, and all rates are consistent', async () => {
  await using bench = await openBench()
  const { rates } = bench
  const [kes, usd, fiat] = [
    await rates.rate('BTC', 'KES'),
    await rates.rate('BTC', 'USD'),
    await rates.rate('USD', 'KES'),
  ]
  assert.equal(usd.text, '65000')
  assert.deepEqual(usd.sources, ['coinbase', 'coingecko', 'kraken'])
  assert.deepEqual([kes.base, kes.quote, kes.ageMs, kes.at], ['BTC', 'KES', 0, bench.clock.now()])
  assert.equal(
    kes.value.numerator * usd.value.denominator * fiat.value.denominator,
    usd.value.numerator * fiat.value.numerator * kes.value.denominator,
  )
  assert.match(fiat.text, /^129\.5(0000|$)|^129\.49999/)
  const euro = await rates.rate('KES', 'EUR')
  assert.match(euro.text, /^0\.00710/)
  assert.equal((await rates.rate('XTR', 'XTR')).text, '1')
  assert.deepEqual(bench.sent.toSorted(), ['coinbase.exchange-rates', 'coingecko.simple-price', 'kraken.ticker'])
})

void test('with one failed source of three there are rates, and the failure is reported', async () => {
  await using bench = await openBench()
  for (const [kind, problem] of [
    ['down', 'closed the connection early'],
    ['slow', 'did not answer in time'],
    ['500', 'reports a failure'],
    ['invalid-json', 'sent a response in an unknown format'],
    ['wrong-types', 'sent a response in an unknown format'],
    ['huge', 'sent a response that is too large'],
  ] as const) {
    await bench.fault('coinbase', kind)
    await bench.pass(3 * MINUTE)
    const rate = await bench.rates.rate('BTC', 'KES')
    assert.deepEqual(rate.sources, ['coingecko', 'kraken'], kind)
    const [coinbase] = (await bench.rates.sourceStates(bench.db)).filter(({ source }) => source === 'coinbase')
    assert.equal(coinbase?.state, 'failing')
    assert.match(coinbase.said, new RegExp(`^Coinbase ${problem} since 2026-01-15T09:\\d\\d:\\d0.000Z$`))
    assert.ok(bench.log.entries.some((entry) => entry.source === 'coinbase' && entry.problem === problem))
    await bench.fault('coinbase', kind, { count: 0 })
    await bench.pass(MINUTE)
    assert.ok((await bench.rates.rate('BTC', 'KES')).sources.includes('coinbase'), kind)
  }
})

void test('when all sources fail, the last good rate is used until it is too old, also after a restart; then an error names them', async () => {
  await using bench = await openBench()
  const before = await bench.rates.rate('BTC', 'KES')
  await bench.fault('coingecko', 'down')
  await bench.fault('coinbase', '429')
  await bench.fault('kraken', '500')
  await bench.pass(10 * MINUTE)
  const last = await bench.other().rate('BTC', 'KES')
  assert.deepEqual([last.value, last.at, last.ageMs], [before.value, before.at, 10 * MINUTE])
  bench.clock.advance(1)
  await assert.rejects(
    bench.rates.rate('BTC', 'KES'),
    unavailable(
      /^No rate for BTC\/KES is at most 600 s old: /,
      /CoinGecko closed the connection early since 2026-01-15T09:01:00/,
      /Coinbase asks for fewer requests since/,
      /Kraken reports a failure since/,
    ),
  )
  await assert.rejects(bench.rates.convert({ from: money('KES/2', 1n), to: 'BTC/8', rounding: 'up' }), RatesUnavailable)
  await assert.rejects(
    bench.rates.quote(bench.db, { from: money('KES/2', 1n), to: 'BTC/8', rounding: 'up' }),
    RatesUnavailable,
  )
  bench.env.RATES_MAX_AGE = '3600'
  assert.deepEqual((await bench.rates.rate('BTC', 'KES')).value, before.value, 'a changed setting applies at once')
})

void test('a source with false prices is excluded, logged and counted, and accepted again when its prices agree', async () => {
  await using bench = await openBench()
  await bench.fault('coingecko', 'lying', { percent: 150, count: 2 })
  const rate = await bench.rates.rate('BTC', 'USD')
  assert.deepEqual([rate.text, rate.sources], ['65000', ['coinbase', 'kraken']])
  assert.deepEqual(
    (await bench.rates.sourceStates(bench.db, 'BTC')).map(({ state }) => state),
    ['left-out', 'ok', 'ok'],
  )
  await bench.pass(MINUTE)
  const logged = (message: string): number => bench.log.entries.filter((entry) => entry.message === message).length
  assert.equal(logged('a price source is excluded: it differs from the others'), 1)
  assert.ok((await counted(bench, 'purser_rates_left_out_total', 'coingecko')) > 0)
  assert.equal(await counted(bench, 'purser_rates_left_out_total', 'kraken'), 0)
  await bench.pass(MINUTE)
  assert.equal(logged('a price source agrees with the others again'), 1)
  assert.ok((await bench.rates.rate('BTC', 'USD')).sources.includes('coingecko'))
})

void test('between two sources that differ, a fresh last good price decides; without one there is no rate', async () => {
  await using bench = await openBench({ RATES_SOURCES: 'coinbase,kraken' })
  await bench.fault('kraken', 'lying', { percent: 90, count: 1 })
  await assert.rejects(
    bench.rates.rate('BTC', 'USD'),
    unavailable(/Coinbase is excluded for BTC: it differs/, /Kraken is excluded for BTC/),
  )
  await bench.pass(MINUTE)
  assert.deepEqual((await bench.rates.rate('BTC', 'USD')).sources, ['coinbase', 'kraken'])
  await bench.fault('kraken', 'lying', { percent: 90 })
  await bench.pass(30 * MINUTE)
  const rate = await bench.rates.rate('BTC', 'USD')
  assert.deepEqual([rate.text, rate.sources, rate.ageMs], ['65026', ['coinbase'], 0])
})

void test('a single remaining source cannot move the price in small steps', async () => {
  await using bench = await openBench()
  assert.equal((await bench.rates.rate('BTC', 'USD')).text, '65000')
  for (const dead of ['coinbase', 'coingecko']) await bench.fault(dead, 'down')
  await bench.pass(3 * MINUTE)
  for (let price = 66_000; price <= 75_000; price += 1000) {
    await bench.setPrices({ 'BTC/USD': String(price) })
    await bench.pass(MINUTE)
  }
  assert.equal((await bench.rates.rate('BTC', 'USD')).text, '66973.2', '67,000 less 0.04 %')
})

void test('prices that were old when they were sent are ignored', async () => {
  await using bench = await openBench({ RATES_SOURCES: 'coingecko' })
  await bench.fault('coingecko', 'stale')
  await assert.rejects(bench.rates.rate('BTC', 'KES'), unavailable(/CoinGecko sent its last price at 2026-01-15T08:00/))
})

void test('a wrong clock, of the source or of Purser, does not change the age of a price', async () => {
  await using bench = await openBench({ RATES_SOURCES: 'coingecko' })
  await bench.fault('coingecko', 'ahead')
  const rate = await bench.rates.rate('BTC', 'KES')
  assert.deepEqual([rate.ageMs, rate.at], [0, bench.clock.now()])
  // Purser's clock was two hours ahead when it stored this, and is corrected.
  bench.clock.set(new Date('2026-01-15T07:00:00Z'))
  await bench.fault('coingecko', 'ahead', { count: 0 })
  await bench.setPrices({ 'BTC/USD': '70000' })
  const after = await bench.rates.rate('BTC', 'USD')
  assert.deepEqual([after.text, after.ageMs], ['70000', 0])
})

void test('after a 429 a source is not queried before its Retry-After', async () => {
  await using bench = await openBench({ RATES_SOURCES: 'kraken' })
  await bench.rates.refresh()
  await bench.fault('kraken', '429', { count: 1 })
  await bench.pass(MINUTE)
  const asked = bench.sent.length
  assert.equal(asked, 2)
  await bench.pass(170 * SECOND)
  assert.equal(bench.sent.length, asked)
  await bench.pass(10 * SECOND)
  assert.equal(bench.sent.length, asked + 1)
  assert.equal((await bench.rates.sourceStates(bench.db))[0]?.state, 'ok')
})

void test('each source is queried once a minute, with any number of instances and readers', async () => {
  await using bench = await openBench()
  const instances = [bench.rates, bench.other(), bench.other()]
  const askAll = (): Promise<unknown> =>
    Promise.allSettled(instances.flatMap((one) => [one.refresh(), one.rate('BTC', 'KES'), one.rate('USD', 'KES')]))
  await askAll()
  assert.equal(bench.sent.length, 3)
  await askAll()
  assert.equal(bench.sent.length, 3)
  bench.clock.advance(MINUTE)
  await askAll()
  assert.equal(bench.sent.length, 6)
})

void test('a reader of an aging rate triggers a refresh and does not wait for it', async () => {
  await using bench = await openBench()
  await bench.rates.refresh()
  await bench.setPrices({ 'BTC/USD': '66000' })
  bench.clock.advance(2 * MINUTE)
  assert.equal((await bench.rates.rate('BTC', 'USD')).text, '65000')
  await bench.rates.close()
  const { text, ageMs } = await bench.rates.rate('BTC', 'USD')
  assert.deepEqual([text, ageMs], ['66000', 0])
})

void test('a fixed rate of the operator is used when no source has a price', async () => {
  await using bench = await openBench({ RATES_SOURCES: 'kraken', RATES_FIXED: 'USD/KES=129.50, BTC/USD=1' })
  const rate = await bench.rates.rate('BTC', 'KES')
  assert.deepEqual(rate.sources, ['fixed', 'kraken'])
  // Kraken's price is 65000 less 0.04 %, so the fixed rate for bitcoin is not used.
  assert.equal(rate.text, '8414133')
  bench.env.RATES_SOURCES = 'none'
  assert.deepEqual((await bench.rates.rate('USD', 'KES')).sources, ['fixed'])
  await assert.rejects(bench.rates.rate('ZAR', 'KES'), unavailable(/no price source is enabled/))
})

void test('a pair that no source has is unknown (422)', async () => {
  await using bench = await openBench()
  await assert.rejects(bench.rates.rate('BTC', 'XTR'), { code: 'rates.unknown-pair', status: 422 })
})

void test('a quote keeps its exact rate, and the program’s role cannot change it', async () => {
  await using bench = await openBench({ RATES_SPREAD_BPS: '100' })
  await bench.rates.refresh()
  await bench.setPrices({ 'BTC/USD': '32500.123456789' })
  const input = { from: money('KES/2', 150_000n), to: 'BTC/8', rounding: 'up' } as const
  const quote = await bench.db.transaction((tx) => bench.rates.quote(tx, input))
  assert.match(quote.id, /^qte_/)
  assert.equal(quote.expiresAt.getTime() - bench.clock.now().getTime(), 15 * MINUTE)
  assert.deepEqual([quote.amount, quote.spread, quote.spreadBps], [money('BTC/8', 17_821n), money('BTC/8', 179n), 100])
  await bench.pass(20 * MINUTE)
  assert.deepEqual(await bench.rates.findQuote(bench.db, quote.id), quote)
  assert.equal(await bench.rates.findQuote(bench.db, 'qte_none'), undefined)
  const free = await bench.rates.convert({ ...input, spreadBps: 0 })
  assert.equal(free.spread.amount, 0n)
  assert.ok(free.amount.amount > 35_000n)
  await assert.rejects(bench.db.run(sql`update rates.quotes set spread_bps = 0`), /permission denied/)

  const purge = bench.rates.crons?.find(({ name }) => name === 'rates.purge-quotes')
  const run = async (): Promise<void> =>
    purge?.run({ log: silentLog, signal: new AbortController().signal, now: bench.clock.now() })
  await run()
  assert.ok(await bench.rates.findQuote(bench.db, quote.id), 'a recent quote stays')
  bench.clock.advance(91 * 24 * 60 * MINUTE)
  await run()
  assert.equal(await bench.rates.findQuote(bench.db, quote.id), undefined)
})

void test('health: healthy before the first request, degraded with a false source, unhealthy without a fresh price', async () => {
  await using bench = await openBench()
  const check = async () => bench.rates.health?.[0]?.check()
  assert.equal((await check())?.status, 'healthy')
  await bench.fault('kraken', 'lying', { percent: 10, count: 1 })
  await bench.rates.refresh()
  assert.deepEqual(await check(), {
    status: 'degraded',
    detail: { ageSeconds: 0, sources: { coingecko: 'ok', coinbase: 'ok', kraken: 'left-out' } },
  })
  await bench.pass(MINUTE)
  assert.equal((await check())?.status, 'healthy')
  for (const source of ['coingecko', 'coinbase', 'kraken']) await bench.fault(source, 'down')
  await bench.pass(2 * MINUTE)
  assert.equal((await check())?.status, 'healthy', 'a lost answer or two is no news')
  await bench.pass(MINUTE)
  assert.equal((await check())?.status, 'degraded')
  await bench.pass(10 * MINUTE)
  assert.equal((await check())?.status, 'unhealthy')
})

void test('invalid settings are refused with the remedy', () => {
  const problems = (texts: Record<string, string>): string => {
    const raw = new Map(Object.entries(texts).map(([name, text]) => [name, new Secret(text)]))
    return ratesConfig.parse(raw, { mode: 'live' }).problems.join('; ')
  }
  assert.match(problems({ RATES_SOURCES: 'kraken,binance' }), /names out of coingecko, coinbase, kraken/)
  for (const text of ['0', '-1', '100.5', '2.555', 'x'])
    assert.match(problems({ RATES_MAX_DEVIATION: text }), /such as 2\.5/)
  for (const text of ['USD/KES', 'USD/KES=0', 'USD/KEX=1', 'USD/USD=1', 'USD/KES=-1', 'KES=129'])
    assert.match(problems({ RATES_FIXED: text }), /rates such as USD\/KES=129\.50/, text)
  assert.match(problems({ RATES_MAX_AGE: '5' }), /from 60 to 86400/)
  assert.equal(read(ratesConfig, { RATES_MAX_DEVIATION: '2.5%' }).maxDeviationBps, 250n)
})
