import { createCoinbase } from '#clients/coinbase'
import { createCoinGecko } from '#clients/coingecko'
import { createKraken } from '#clients/kraken'
import { isCurrency, listCurrencies } from '#money'
import type { Fetch } from '#platform/web/fetch'
import type { PriceSourcesConfig, SourceName } from './config.ts'
import type { Price } from './usd-values.ts'

/** A price in a source's response, with its age when it was sent. */
export type SourceQuote = Omit<Price, 'at'> & { readonly ageMs: number }

export type FetchQuotes = () => Promise<readonly SourceQuote[]>

/** CoinGecko's ids by our codes. All other currencies are requested as the price of a coin in them. */
const COINS: Readonly<Record<string, string>> = {
  BTC: 'bitcoin',
  ETH: 'ethereum',
  SOL: 'solana',
  USDC: 'usd-coin',
  USDT: 'tether',
}
/** Telegram Stars have no market. */
const UNPRICED = new Set(['XTR', ...Object.keys(COINS)])

/** Pairs that Kraken trades against USD, in its names. One unknown name would fail the whole request. */
const KRAKEN_PAIRS: Readonly<Record<string, readonly [base: string, quote: string]>> = {
  XBTUSD: ['BTC', 'USD'],
  ETHUSD: ['ETH', 'USD'],
  SOLUSD: ['SOL', 'USD'],
  USDCUSD: ['USDC', 'USD'],
  USDTUSD: ['USDT', 'USD'],
  EURUSD: ['EUR', 'USD'],
  GBPUSD: ['GBP', 'USD'],
  AUDUSD: ['AUD', 'USD'],
  USDCAD: ['USD', 'CAD'],
  USDCHF: ['USD', 'CHF'],
  USDJPY: ['USD', 'JPY'],
}

/** Creates a function per source that fetches its prices with one request. It throws the errors of the source's client. */
export function createSources(deps: {
  fetch: Fetch
  config: () => PriceSourcesConfig
}): Readonly<Record<SourceName, FetchQuotes>> {
  const { fetch, config } = deps
  const coingecko = createCoinGecko({
    fetch,
    settings: () => ({ baseUrl: config().coingeckoBaseUrl, apiKey: config().coingeckoApiKey }),
  })
  const coinbase = createCoinbase({ fetch, settings: () => ({ baseUrl: config().coinbaseBaseUrl }) })
  const kraken = createKraken({ fetch, settings: () => ({ baseUrl: config().krakenBaseUrl }) })
  const codeOf = new Map(Object.entries(COINS).map(([code, coin]) => [coin, code]))
  const currencies = listCurrencies().filter((code) => !UNPRICED.has(code))

  return {
    coingecko: async () => {
      const prices = await coingecko.prices({
        coins: Object.values(COINS),
        currencies: currencies.map((code) => code.toLowerCase()),
      })
      return prices.map(({ coin, currency, price, ageMs }) => ({
        base: codeOf.get(coin) ?? coin,
        quote: currency.toUpperCase(),
        price,
        ageMs,
      }))
    },
    coinbase: async () =>
      (await coinbase.exchangeRates('BTC'))
        .filter(({ currency }) => isCurrency(currency) && currency !== 'BTC')
        .map(({ currency, price }) => ({ base: 'BTC', quote: currency, price, ageMs: 0 })),
    kraken: async () =>
      (await kraken.ticker(Object.keys(KRAKEN_PAIRS))).flatMap(({ pair, price }) => {
        const [base, quote] = KRAKEN_PAIRS[pair] ?? []
        return base && quote ? [{ base, quote, price, ageMs: 0 }] : []
      }),
  }
}
