import { z } from 'zod'
import type { Db } from '#platform/db'
import { AppError } from '#platform/errors'
import type { HttpServer } from '#platform/http'
import type { Gate } from '../access.ts'
import { FAULTS, type FaultKind } from './faults.ts'
import { isPriced, parsePerUsd, parseUsd } from './market.ts'
import { PRICE_SOURCES } from './routes.ts'
import { setFault, setPrice } from './store.ts'

const KINDS = Object.keys(FAULTS).join(', ')

export const PRICE_CONTROLS = {
  'POST /sandbox/prices': 'sets prices at all sources: {"BTC/USD":"65000.00","USD/KES":"129.50"}',
  'POST /sandbox/{coingecko|coinbase|kraken}/faults': `{"kind":…, "count":1}: the next answers go wrong, 0 ends it. Kinds: ${KINDS} (with "percent":150)`,
} as const

const isFault = (kind: string): kind is FaultKind => Object.hasOwn(FAULTS, kind)
const faultBody = z.strictObject({
  kind: z
    .string()
    .refine(isFault, `must be one of ${KINDS}`)
    .transform((kind) => (isFault(kind) ? kind : 'down')),
  count: z.int().min(0).max(1_000_000).default(1),
  percent: z.int().min(1).max(100_000).default(150),
})
const pricesBody = z.record(z.string().max(20), z.string().max(40))

/** Set prices, and faults to come. */
export function addPriceControls(app: HttpServer, { db, gate }: { db: Db; gate: Gate }): void {
  for (const source of Object.keys(PRICE_SOURCES)) {
    const url = `/sandbox/${source}/faults`
    app.post(url, { onRequest: gate, schema: { hide: true, body: faultBody } }, async (request, reply) => {
      const { kind, percent, count } = request.body
      await setFault(db, source, { kind, percent, answers: count })
      return reply.send({ source, kind, count })
    })
  }

  app.post('/sandbox/prices', { onRequest: gate, schema: { hide: true, body: pricesBody } }, async (request, reply) => {
    const prices = Object.entries(request.body).map(([pair, text]) => readPrice(pair, text))
    for (const { currency, usd } of prices) await setPrice(db, currency, usd)
    return reply.send(request.body)
  })
}

/** `BTC/USD` or `USD/KES`: one of the two is USD. */
function readPrice(pair: string, text: string): { currency: string; usd: bigint } {
  const [base = '', quote = ''] = pair.split('/')
  const [currency, usd] = quote === 'USD' ? [base, parseUsd(text)] : [quote, parsePerUsd(text)]
  if (usd !== undefined && isPriced(currency) && (base === 'USD' || quote === 'USD')) return { currency, usd }
  const said = `"${pair}": "${text}" is no price; send such as "BTC/USD": "65000.00" or "USD/KES": "129.50"`
  throw new AppError('sandbox.no-price', 422, said, { param: pair })
}
