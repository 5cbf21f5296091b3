import { z } from 'zod'
import { isCurrency } from '#money'
import { defineConfig, setting, type ConfigOf } from '#platform/environment/config'
import { isDecimal } from '#platform/base/json'
import type { Price } from './usd-values.ts'

export const SOURCES = ['coingecko', 'coinbase', 'kraken'] as const
export type SourceName = (typeof SOURCES)[number]

const isSource = (name: string): name is SourceName => (SOURCES as readonly string[]).includes(name)

const whole = (least: number, most: number) => {
  const range = `a whole number from ${least} to ${most}`
  return z.coerce.number(range).int(range).min(least, range).max(most, range)
}

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

const NAMES = `names out of ${SOURCES.join(', ')} with commas between, or none`
const sources = z
  .string()
  .transform((text) => listOf(text.toLowerCase()).filter((name) => name !== 'none'))
  .refine((names) => names.every(isSource), NAMES)
  .transform((names): readonly SourceName[] => [...new Set(names.filter(isSource))])
  .default([...SOURCES])

const PERCENT = 'a percentage above 0 and below 100 with at most two decimals, such as 2.5'
const percent = z
  .string()
  .regex(/^\d{1,2}(?:\.\d{1,2})?%?$/, PERCENT)
  .transform((text) => {
    const [, units = '', decimals = ''] = /^(\d+)(?:\.(\d+))?/.exec(text) ?? []
    return BigInt(units + decimals.padEnd(2, '0'))
  })
  .refine((bps) => bps > 0n, PERCENT)

type FixedRate = Omit<Price, 'at'>

const FIXED = 'rates such as USD/KES=129.50 with commas between, of currencies known here'
const fixed = z
  .string()
  .transform((text) => listOf(text).map(parseFixed))
  .refine((rates) => rates.every((rate) => rate !== undefined), FIXED)
  .transform((rates): readonly FixedRate[] => rates.filter((rate) => rate !== undefined))
  .default([])

function parseFixed(text: string): FixedRate | undefined {
  const [, base = '', quote = '', price = ''] = /^([A-Z]+)\s*\/\s*([A-Z]+)\s*=\s*(\S+)$/.exec(text) ?? []
  const known = isCurrency(base) && isCurrency(quote) && base !== quote
  return known && isDecimal(price) ? { base, quote, price } : undefined
}

/** Settings of the consensus and of conversions. */
export const ratesConfig = defineConfig('rates', {
  sources: setting('RATES_SOURCES', sources, {
    doc: 'Price sources, each queried about once a minute: coingecko, coinbase, kraken; or none.',
    runtime: true,
    example: SOURCES.join(','),
  }),
  maxAgeSeconds: setting('RATES_MAX_AGE', whole(60, 86_400).default(600), {
    doc: 'Maximum age of a price in seconds. An older price is not used for payments.',
    runtime: true,
  }),
  maxDeviationBps: setting('RATES_MAX_DEVIATION', percent.default(300n), {
    doc: 'Maximum deviation of a source from the median of all sources, in percent. Sources beyond it are excluded.',
    runtime: true,
    example: '3',
  }),
  minSources: setting('RATES_MIN_SOURCES', whole(1, 3).default(1), {
    doc: 'Number of sources that must agree. With 1, a single source is accepted if it is near the last good price.',
    runtime: true,
  }),
  spreadBps: setting('RATES_SPREAD_BPS', whole(0, 5_000).default(0), {
    doc: 'Spread for payments in another currency, in basis points (hundredths of a percent). A desk can request its own spread.',
    runtime: true,
  }),
  fixed: setting('RATES_FIXED', fixed, {
    doc: 'Your own rates, used when no source has a price within RATES_MAX_AGE.',
    runtime: true,
    example: 'USD/KES=129.50',
  }),
})

const address = z
  .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
  .transform((url) => url.replace(/\/+$/, ''))

/** Addresses of the sources. In the sandbox these are the simulators. */
export const priceSourcesConfig = defineConfig('price-sources', {
  coingeckoApiKey: setting('COINGECKO_API_KEY', z.string().min(1).optional(), {
    doc: 'API key of CoinGecko. Without it, the lower public limits apply.',
    secret: true,
    runtime: true,
  }),
  coingeckoBaseUrl: setting('COINGECKO_BASE_URL', address.default('https://api.coingecko.com/api/v3'), {
    doc: 'Address of CoinGecko. Paid plans: https://pro-api.coingecko.com/api/v3.',
  }),
  coinbaseBaseUrl: setting('COINBASE_BASE_URL', address.default('https://api.coinbase.com'), {
    doc: 'Address of Coinbase.',
  }),
  krakenBaseUrl: setting('KRAKEN_BASE_URL', address.default('https://api.kraken.com'), { doc: 'Address of Kraken.' }),
})

export type RatesConfig = ConfigOf<typeof ratesConfig>
export type PriceSourcesConfig = ConfigOf<typeof priceSourcesConfig>
