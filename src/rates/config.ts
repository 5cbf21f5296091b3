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

/** How prices are judged. */
export const ratesConfig = defineConfig('rates', {
  sources: setting('RATES_SOURCES', sources, {
    doc: 'Where prices come from, each asked about once a minute: coingecko, coinbase, kraken; or none.',
    runtime: true,
    example: SOURCES.join(','),
  }),
  maxAgeSeconds: setting('RATES_MAX_AGE', whole(60, 86_400).default(600), {
    doc: 'Seconds after which a price is too old to take money by.',
    runtime: true,
  }),
  maxDeviationBps: setting('RATES_MAX_DEVIATION', percent.default(300n), {
    doc: 'Percent that a source may be away from the median of all; beyond it, it is left out.',
    runtime: true,
    example: '3',
  }),
  minSources: setting('RATES_MIN_SOURCES', whole(1, 3).default(1), {
    doc: 'How many sources must agree. With 1, a source that is left alone is believed as long as it fits the last good price.',
    runtime: true,
  }),
  spreadBps: setting('RATES_SPREAD_BPS', whole(0, 5_000).default(0), {
    doc: 'Hundredths of a percent added to what a payer pays in another currency, unless the desk asks for its own.',
    runtime: true,
  }),
  fixed: setting('RATES_FIXED', fixed, {
    doc: 'Rates of your own, used where no source has given a price within RATES_MAX_AGE.',
    runtime: true,
    example: 'USD/KES=129.50',
  }),
})

const address = z
  .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
  .transform((url) => url.replace(/\/+$/, ''))

/** Where the sources are. In the sandbox they are the simulators. */
export const priceSourcesConfig = defineConfig('price-sources', {
  coingeckoApiKey: setting('COINGECKO_API_KEY', z.string().min(1).optional(), {
    doc: 'Key of CoinGecko. Without one its public limits are lower.',
    secret: true,
    runtime: true,
  }),
  coingeckoBaseUrl: setting('COINGECKO_BASE_URL', address.default('https://api.coingecko.com/api/v3'), {
    doc: 'Where CoinGecko is. Paid plans: https://pro-api.coingecko.com/api/v3.',
  }),
  coinbaseBaseUrl: setting('COINBASE_BASE_URL', address.default('https://api.coinbase.com'), {
    doc: 'Where Coinbase is.',
  }),
  krakenBaseUrl: setting('KRAKEN_BASE_URL', address.default('https://api.kraken.com'), { doc: 'Where Kraken is.' }),
})

export type RatesConfig = ConfigOf<typeof ratesConfig>
export type PriceSourcesConfig = ConfigOf<typeof priceSourcesConfig>
