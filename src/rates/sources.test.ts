import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openScripted, type Received } from '../../test/faulty.ts'
import { createFetch } from '#platform/web/fetch'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { Secret } from '#platform/base/secrets'
import type { SourceName } from './config.ts'
import { createSources, type SourceQuote } from './sources.ts'

interface Asked {
  readonly said: readonly SourceQuote[]
  readonly request: Received
}

/** Returns the prices that a source reads from a recorded response. */
async function ask(
  name: SourceName,
  body: unknown,
  options: { status?: number; apiKey?: string } = {},
): Promise<Asked> {
  const { status = 200, apiKey } = options
  await using provider = await openScripted(() => ({ status, body }))
  const fetch = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'live' })
  const url = provider.url
  const config = {
    coingeckoApiKey: apiKey === undefined ? undefined : new Secret(apiKey),
    ...{ coingeckoBaseUrl: `${url}/api/v3`, coinbaseBaseUrl: url, krakenBaseUrl: url },
  }
  try {
    const said = await createSources({ fetch, config: () => config })[name]()
    const [request] = provider.received
    assert.ok(request)
    return { said, request }
  } finally {
    await fetch.close()
  }
}

void test('CoinGecko: JSON numbers keep all digits, and missing currencies are left out', async () => {
  const body = `{"bitcoin":{"usd":67187.335893655123456789,"kes":8.7e6,"eur":null,"zmw":"x","last_updated_at":1711356300},"other":{"usd":1}}`
  const { said, request } = await ask('coingecko', body, { apiKey: 'CG-key' })
  assert.deepEqual(
    said.map(({ base, quote, price }) => [base, quote, price]),
    [
      ['BTC', 'KES', '8.7e6'],
      ['BTC', 'USD', '67187.335893655123456789'],
    ],
  )
  assert.ok(
    said.every(({ ageMs }) => ageMs > 0),
    'dated against the Date of the answer',
  )
  assert.match(
    request.path,
    /^\/api\/v3\/simple\/price\?ids=bitcoin%2Cethereum.*&vs_currencies=.*kes.*&precision=full$/,
  )
  assert.equal(request.headers['x-cg-demo-api-key'], 'CG-key')
})

void test('Coinbase: text keeps all digits, and one invalid rate does not affect the others', async () => {
  const body = {
    data: { currency: 'BTC', rates: { USD: '67187.335', KES: '8701234.1050000001', XYZ: '1', JPY: 'NaN', EUR: '0.0' } },
  }
  const { said, request } = await ask('coinbase', body)
  assert.deepEqual(said, [
    { base: 'BTC', quote: 'USD', price: '67187.335', ageMs: 0 },
    { base: 'BTC', quote: 'KES', price: '8701234.1050000001', ageMs: 0 },
  ])
  assert.equal(request.path, '/v2/exchange-rates?currency=BTC')
})

void test('Kraken: long pair names in the response match the short names of the request', async () => {
  const of = (last: string): object => ({ a: ['1', '1', '1'], c: [last, '0.001'] })
  const result = { XXBTZUSD: of('67187.30000'), USDTZUSD: of('0.99980'), ZUSDZJPY: of('151.36'), SOLUSD: of('150.1') }
  const { said, request } = await ask('kraken', { error: [], result })
  assert.deepEqual(
    said.map(({ base, quote, price }) => `${base}/${quote} ${price}`),
    ['BTC/USD 67187.30000', 'SOL/USD 150.1', 'USDT/USD 0.99980', 'USD/JPY 151.36'],
  )
  assert.match(request.path, /^\/0\/public\/Ticker\?pair=XBTUSD,ETHUSD,/)
})

const REFUSED: readonly (readonly [SourceName, unknown, number, string])[] = [
  ['kraken', { error: ['EAPI:Rate limit exceeded'] }, 200, 'kraken.too-many-requests'],
  ['kraken', { error: ['EQuery:Unknown asset pair'] }, 200, 'kraken.bad-answer'],
  ['kraken', { error: [], result: {} }, 200, 'kraken.bad-answer'],
  ['kraken', { error: [], result: { XXBTZUSD: { c: [67187.3] } }, more: 1 }, 403, 'kraken.refused'],
  ['coinbase', { data: { currency: 'USD', rates: { USD: '1' } } }, 200, 'coinbase.bad-answer'],
  ['coinbase', { data: { currency: 'BTC', rates: {} } }, 200, 'coinbase.bad-answer'],
  ['coinbase', '', 503, 'coinbase.unavailable'],
  ['coingecko', { status: { error_code: 429 } }, 429, 'coingecko.too-many-requests'],
  ['coingecko', { bitcoin: 5 }, 200, 'coingecko.bad-answer'],
  ['coingecko', '<html>', 200, 'coingecko.bad-answer'],
  ['coingecko', '', 301, 'coingecko.unavailable'],
]

void test('any other response is an error with a code for its kind', async () => {
  for (const [name, body, status, code] of REFUSED)
    await assert.rejects(ask(name, body, { status }), { code }, JSON.stringify([name, body, status]))
})
