import { z } from 'zod'
import { badAnswer, requireJson, type Fetch } from '#platform/web/fetch'
import { isDecimal } from '#platform/base/json'
import type { Secret } from '#platform/base/secrets'

export interface CoinGeckoSettings {
  /** Address with version: `https://api.coingecko.com/api/v3`. */
  readonly baseUrl: string
  readonly apiKey: Secret | undefined
}

export interface CoinPrice {
  /** CoinGecko's id, such as `bitcoin`. */
  readonly coin: string
  /** Lower case, such as `kes`. */
  readonly currency: string
  /** Currency per coin, as CoinGecko writes it. */
  readonly price: string
  /** Age of the price when it was sent, by CoinGecko's own clock. 0 if CoinGecko does not state it. */
  readonly ageMs: number
}

export interface CoinGecko {
  /** Returns prices with one request. Currencies that CoinGecko does not know are missing. Throws AppError `coingecko.…` (see `requireJson`), FetchError. */
  prices(asked: { coins: readonly string[]; currencies: readonly string[] }): Promise<readonly CoinPrice[]>
}

const PROVIDER = { code: 'coingecko', name: 'CoinGecko' }
const DEADLINE_MS = 5_000
const MAX_BYTES = 256 * 1024

const simplePrice = z.record(z.string(), z.record(z.string(), z.unknown()))

export function createCoinGecko(deps: { fetch: Fetch; settings: () => CoinGeckoSettings }): CoinGecko {
  return {
    prices: async ({ coins, currencies }) => {
      const { baseUrl, apiKey } = deps.settings()
      const query = new URLSearchParams({
        ids: coins.join(','),
        vs_currencies: currencies.join(','),
        include_last_updated_at: 'true',
        precision: 'full',
      })
      const answer = await deps.fetch({
        url: `${baseUrl}/simple/price?${query.toString()}`,
        headers: { accept: 'application/json', ...(apiKey && { [keyHeaderOf(baseUrl)]: apiKey.reveal() }) },
        label: 'coingecko.simple-price',
        deadlineMs: DEADLINE_MS,
        maxBytes: MAX_BYTES,
      })
      const parsed = simplePrice.safeParse(requireJson(answer, PROVIDER))
      if (!parsed.success) throw badAnswer(PROVIDER, undefined, parsed.error)
      const sentMs = Date.parse(answer.headers.date ?? '')
      const prices = coins.flatMap((coin) => pricesOf(coin, parsed.data[coin] ?? {}, { currencies, sentMs }))
      if (prices.length === 0) throw badAnswer(PROVIDER)
      return prices
    },
  }
}

/** Paid plans have another host and another header (docs.coingecko.com). */
const keyHeaderOf = (baseUrl: string): string =>
  new URL(baseUrl).hostname.startsWith('pro-') ? 'x-cg-pro-api-key' : 'x-cg-demo-api-key'

function pricesOf(
  coin: string,
  row: Readonly<Record<string, unknown>>,
  { currencies, sentMs }: { currencies: readonly string[]; sentMs: number },
): CoinPrice[] {
  const updatedMs = Number(row.last_updated_at) * 1000
  const ageMs = Math.max(0, sentMs - updatedMs)
  return currencies.flatMap((currency) => {
    const price = row[currency]
    return isDecimal(price) ? [{ coin, currency, price, ageMs: Number.isNaN(ageMs) ? 0 : ageMs }] : []
  })
}
