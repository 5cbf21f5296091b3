import * as iso from 'dinero.js/currencies'

/** A currency with its scale, `KES/2`: one minor unit is 10^-scale. The scale is part of the name, so an amount cannot be read with another one. */
export type Asset = `${string}/${number}`

/** dinero.js counts these in fifths of a unit. ISO 4217 gives them two decimals. */
const CORRECTED = { MGA: 2, MRU: 2 }
/** Codes that ISO 4217 has withdrawn and Stripe still charges in. */
const WITHDRAWN = { ANG: 2, STD: 2 }
/** Crypto-assets and Telegram Stars. */
const UNLISTED = { BTC: 8, ETH: 18, SOL: 9, USDC: 6, USDT: 6, XTR: 0 }

/** Scales of all ISO 4217 currencies with minor units, and of the assets above. `Intl` is no source: it returns the decimals in daily use (PKR 0). */
const SCALES: ReadonlyMap<string, number> = new Map([
  ...Object.entries({
    ...Object.fromEntries(Object.values(iso).map(({ code, exponent }) => [code, exponent])),
    ...CORRECTED,
    ...WITHDRAWN,
  }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ...Object.entries(UNLISTED),
])

/** Returns the codes of all currencies, such as `KES`: ISO 4217 sorted, then crypto-assets and Telegram Stars. */
export const listCurrencies = (): readonly string[] => [...SCALES.keys()]

export const isCurrency = (code: string): boolean => SCALES.has(code)

/** Returns the asset of a currency: `KES` → `KES/2`. Throws RangeError on an unknown currency; check input with `isCurrency` first. */
export function assetOf(currency: string): Asset {
  const scale = SCALES.get(currency)
  if (scale === undefined) throw new RangeError(`Unknown currency ${currency}`)
  return `${currency}/${scale}`
}

/** Returns the currency of an asset: `KES/2` → `KES`. */
export const currencyOf = (asset: Asset): string => asset.slice(0, asset.indexOf('/'))

/** Returns the number of decimals of an asset: `KES/2` → 2. */
export const scaleOf = (asset: Asset): number => Number(asset.slice(asset.indexOf('/') + 1))
