import { z } from 'zod'
import type { Db } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { HttpServer } from '#platform/web/http'
import type { Gate } from '../access.ts'
import { isPriced, parsePerUsd, parseUsd } from './market.ts'
import { setPrice } from './store.ts'

export const PRICE_CONTROLS = {
  'POST /sandbox/prices': 'sets the prices of all sources: {"BTC/USD":"65000.00","USD/KES":"129.50"}',
} as const

const pricesBody = z.record(z.string().max(20), z.string().max(40))

/** Adds the control that sets prices. */
export function addPriceControls(app: HttpServer, { db, gate }: { db: Db; gate: Gate }): void {
  app.post('/sandbox/prices', { onRequest: gate, schema: { hide: true, body: pricesBody } }, async (request, reply) => {
    const prices = Object.entries(request.body).map(([pair, text]) => readPrice(pair, text))
    for (const { currency, usd } of prices) await setPrice(db, currency, usd)
    return reply.send(request.body)
  })
}

/** Parses `BTC/USD` or `USD/KES`. One of the two currencies must be USD. */
function readPrice(pair: string, text: string): { currency: string; usd: bigint } {
  const [base = '', quote = ''] = pair.split('/')
  const [currency, usd] = quote === 'USD' ? [base, parseUsd(text)] : [quote, parsePerUsd(text)]
  if (usd !== undefined && isPriced(currency) && (base === 'USD' || quote === 'USD')) return { currency, usd }
  const said = `"${pair}": "${text}" is not a valid price. Send a value such as "BTC/USD": "65000.00" or "USD/KES": "129.50"`
  throw new AppError('sandbox.no-price', 422, said, { param: pair })
}
