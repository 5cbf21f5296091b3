import { z } from 'zod'
import { addMs, type Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { HttpServer, Request } from '#platform/web/http'
import type { FaultKind } from '../faults/kinds.ts'
import { readMarket, type Market } from './market.ts'

export interface PriceDeps {
  readonly db: Db
  readonly clock: Clock
}

/** Price sources, and how much each deviates from the market price of coins, in thousandths of a percent. */
export const PRICE_SOURCES = { coingecko: 0n, coinbase: 40n, kraken: -40n } as const
type PriceSource = keyof typeof PRICE_SOURCES

const HOUR_MS = 60 * 60_000
const NO_DEVIATION_PERCENT = 100
const hide = { hide: true }

/** Serves three price sources. */
export function addPriceRoutes(app: HttpServer, deps: PriceDeps): void {
  addCoinGecko(app, deps)
  addCoinbase(app, deps)
  addKraken(app, deps)
}

/** Reads the source's market and applies its planned faults. */
async function readSourceMarket(
  { db }: PriceDeps,
  source: PriceSource,
  { fault }: Request,
): Promise<{ market: Market; kind: FaultKind | undefined }> {
  const percent = fault?.kind === 'lying' ? fault.percent : NO_DEVIATION_PERCENT
  return { market: await readMarket(db, { perMille: PRICE_SOURCES[source], percent }), kind: fault?.kind }
}

const COINS = { bitcoin: 'BTC', ethereum: 'ETH', solana: 'SOL', 'usd-coin': 'USDC', tether: 'USDT' } as const
const isCoin = (id: string): id is keyof typeof COINS => Object.hasOwn(COINS, id)
const list = z
  .string()
  .max(2000)
  .transform((text) => text.split(','))
const simplePrice = z.object({ ids: list, vs_currencies: list, include_last_updated_at: z.string().optional() })

/** Builds the body as text, because prices are JSON numbers that must keep all their digits. */
function addCoinGecko(app: HttpServer, deps: PriceDeps): void {
  const schema = { ...hide, querystring: simplePrice }
  app.get('/sandbox/coingecko/simple/price', { config: { provider: 'coingecko' }, schema }, async (request, reply) => {
    const said = await readSourceMarket(deps, 'coingecko', request)
    const { ids, vs_currencies: currencies } = request.query
    const now = addMs(deps.clock.now(), said.kind === 'ahead' ? HOUR_MS : 0)
    const updatedAt = addMs(now, said.kind === 'stale' ? -HOUR_MS : 0)
    const rows = ids.filter(isCoin).map((id) => {
      const fields = currencies.flatMap((currency) => {
        const price = said.market.price(COINS[id], currency.toUpperCase())
        return price === undefined ? [] : [`"${currency}":${price}`]
      })
      const seconds = Math.floor(updatedAt.getTime() / 1000)
      return `"${id}":{${[...fields, `"last_updated_at":${seconds}`].join(',')}}`
    })
    return reply
      .header('date', now.toUTCString())
      .type('application/json')
      .send(`{${rows.join(',')}}`)
  })
}

function addCoinbase(app: HttpServer, deps: PriceDeps): void {
  const schema = { ...hide, querystring: z.object({ currency: z.string().max(10).default('USD') }) }
  app.get(
    '/sandbox/coinbase/v2/exchange-rates',
    { config: { provider: 'coinbase' }, schema },
    async (request, reply) => {
      const said = await readSourceMarket(deps, 'coinbase', request)
      const { currency } = request.query
      const { market } = said
      if (market.price(currency, 'USD') === undefined)
        return reply.status(400).send({ errors: [{ id: 'invalid_request', message: 'Invalid currency' }] })
      const rates = Object.fromEntries(market.currencies.map((code) => [code, market.price(currency, code)]))
      return reply.send({ data: { currency, rates } })
    },
  )
}

/** Kraken's pair names as in its responses. */
const PAIRS: Readonly<Record<string, readonly [name: string, base: string, quote: string]>> = {
  XBTUSD: ['XXBTZUSD', 'BTC', 'USD'],
  ETHUSD: ['XETHZUSD', 'ETH', 'USD'],
  SOLUSD: ['SOLUSD', 'SOL', 'USD'],
  USDCUSD: ['USDCUSD', 'USDC', 'USD'],
  USDTUSD: ['USDTZUSD', 'USDT', 'USD'],
  EURUSD: ['ZEURZUSD', 'EUR', 'USD'],
  GBPUSD: ['ZGBPZUSD', 'GBP', 'USD'],
  AUDUSD: ['AUDUSD', 'AUD', 'USD'],
  USDCAD: ['ZUSDZCAD', 'USD', 'CAD'],
  USDCHF: ['USDCHF', 'USD', 'CHF'],
  USDJPY: ['ZUSDZJPY', 'USD', 'JPY'],
}

function addKraken(app: HttpServer, deps: PriceDeps): void {
  const schema = { ...hide, querystring: z.object({ pair: list }) }
  app.get('/sandbox/kraken/0/public/Ticker', { config: { provider: 'kraken' }, schema }, async (request, reply) => {
    const said = await readSourceMarket(deps, 'kraken', request)
    const pairs = request.query.pair.map((pair) => PAIRS[pair])
    const result: Record<string, object> = {}
    for (const pair of pairs) {
      if (!pair) return reply.send({ error: ['EQuery:Unknown asset pair'] })
      const [name, base, quote] = pair
      const last = said.market.price(base, quote)
      result[name] = { a: [last, '1', '1.000'], b: [last, '1', '1.000'], c: [last, '0.01000000'] }
    }
    return reply.send({ error: [], result })
  })
}
