import { z } from 'zod'
import { badAnswer, requireJson, type Fetch } from '#platform/web/fetch'
import { isDecimal } from '#platform/base/json'

export interface CoinbaseRate {
  readonly currency: string
  /** Units of `currency` for one unit of the requested currency, as Coinbase writes it. */
  readonly price: string
}

export interface Coinbase {
  /** Returns the value of one unit of `currency` in all currencies of Coinbase. Throws AppError `coinbase.…` (see `requireJson`) and FetchError. */
  exchangeRates(currency: string): Promise<readonly CoinbaseRate[]>
}

const PROVIDER = { code: 'coinbase', name: 'Coinbase' }
const DEADLINE_MS = 5_000
const MAX_BYTES = 256 * 1024

/** Rates of hundreds of currencies. Values stay unknown here: one invalid rate leaves the others usable. */
const exchangeRates = z.object({
  data: z.object({ currency: z.string(), rates: z.record(z.string(), z.unknown()) }),
})

export function createCoinbase(deps: { fetch: Fetch; settings: () => { baseUrl: string } }): Coinbase {
  return {
    exchangeRates: async (currency) => {
      const answer = await deps.fetch({
        url: `${deps.settings().baseUrl}/v2/exchange-rates?currency=${encodeURIComponent(currency)}`,
        headers: { accept: 'application/json' },
        label: 'coinbase.exchange-rates',
        deadlineMs: DEADLINE_MS,
        maxBytes: MAX_BYTES,
      })
      const parsed = exchangeRates.safeParse(requireJson(answer, PROVIDER))
      if (!parsed.success) throw badAnswer(PROVIDER, undefined, parsed.error)
      const { data } = parsed.data
      if (data.currency !== currency) throw badAnswer(PROVIDER, 'another currency')
      const rates = Object.entries(data.rates).flatMap(([to, price]) =>
        isDecimal(price) ? [{ currency: to, price }] : [],
      )
      if (rates.length === 0) throw badAnswer(PROVIDER)
      return rates
    },
  }
}
