import { z } from 'zod'
import { badAnswer, requireJson, tooManyRequests, type Fetch } from '#platform/web/fetch'
import { isDecimal } from '#platform/base/json'

export interface KrakenPrice {
  /** The requested pair, such as `XBTUSD`. */
  readonly pair: string
  /** Price of the last trade, as Kraken writes it. */
  readonly price: string
}

export interface Kraken {
  /** Returns the prices of pairs in Kraken's short names. One request. Throws AppError `kraken.…` (see `requireJson`) and FetchError. */
  ticker(pairs: readonly string[]): Promise<readonly KrakenPrice[]>
}

const PROVIDER = { code: 'kraken', name: 'Kraken' }
const DEADLINE_MS = 5_000
const MAX_BYTES = 256 * 1024

/** Kraken returns errors with status 200: `{"error":["EAPI:Rate limit exceeded"]}` (docs.kraken.com). `c` is the last trade: price, volume. */
const ticker = z.object({
  error: z.array(z.string()),
  result: z.record(z.string(), z.object({ c: z.array(z.unknown()) })).optional(),
})
const LIMIT = /rate limit|too many requests|EService:Throttled/i
const LONGEST_MESSAGE = 200

export function createKraken(deps: { fetch: Fetch; settings: () => { baseUrl: string } }): Kraken {
  return {
    ticker: async (pairs) => {
      const answer = await deps.fetch({
        url: `${deps.settings().baseUrl}/0/public/Ticker?pair=${pairs.map(encodeURIComponent).join(',')}`,
        headers: { accept: 'application/json' },
        label: 'kraken.ticker',
        deadlineMs: DEADLINE_MS,
        maxBytes: MAX_BYTES,
      })
      const parsed = ticker.safeParse(requireJson(answer, PROVIDER))
      if (!parsed.success) throw badAnswer(PROVIDER, undefined, parsed.error)
      const { error, result = {} } = parsed.data
      const said = error.join(', ').slice(0, LONGEST_MESSAGE)
      if (LIMIT.test(said)) throw tooManyRequests(PROVIDER)
      if (error.some((one) => one.startsWith('E'))) throw badAnswer(PROVIDER, `an error: ${said}`)
      const prices = pairs.flatMap((pair) => {
        const price = namesOf(pair)
          .map((name) => result[name]?.c[0])
          .find(isDecimal)
        return price === undefined ? [] : [{ pair, price }]
      })
      if (prices.length === 0) throw badAnswer(PROVIDER)
      return prices
    },
  }
}

/** Returns the names that a pair can have in the response. Older assets have longer names there: X before coins, Z before currencies (`XXBTZUSD`). */
function namesOf(pair: string): readonly string[] {
  const [base, quote] = [pair.slice(0, -3), pair.slice(-3)]
  return [pair, `X${base}Z${quote}`, `Z${base}Z${quote}`, `${base}Z${quote}`]
}
