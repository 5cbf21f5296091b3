/** A currency with its scale, `KES/2`: one minor unit is 10^-scale. The scale is part of the name, so it cannot be mistaken. */
export type Asset = `${string}/${number}`

/** Currencies and their minor-unit scales: ISO 4217, plus the crypto-assets and Telegram Stars that rails deal in. */
// prettier-ignore
const SCALES: Readonly<Record<string, number>> = {
  AED: 2, AUD: 2, BRL: 2, CAD: 2, CHF: 2, CNY: 2, CZK: 2, DKK: 2, EGP: 2, ETB: 2, EUR: 2, GBP: 2, GHS: 2, HKD: 2,
  HUF: 2, IDR: 2, ILS: 2, INR: 2, JPY: 0, KES: 2, KRW: 0, MWK: 2, MXN: 2, MYR: 2, MZN: 2, NGN: 2, NOK: 2, NZD: 2,
  PHP: 2, PKR: 2, PLN: 2, RON: 2, RWF: 0, SAR: 2, SEK: 2, SGD: 2, THB: 2, TRY: 2, TZS: 2, UAH: 2, UGX: 0, USD: 2,
  VND: 0, XAF: 0, XOF: 0, ZAR: 2, ZMW: 2, BTC: 8, ETH: 18, SOL: 9, USDC: 6, USDT: 6, XTR: 0,
}

/** The codes of all currencies there are, such as `KES`. */
export const listCurrencies = (): readonly string[] => Object.keys(SCALES)

export const isCurrency = (code: string): boolean => Object.hasOwn(SCALES, code)

/** `KES` → `KES/2`. Throws RangeError on a currency that is not listed; ask `isCurrency` first for input. */
export function assetOf(currency: string): Asset {
  const scale = SCALES[currency]
  if (scale === undefined || !isCurrency(currency)) throw new RangeError(`Unknown currency ${currency}`)
  return `${currency}/${scale}`
}

/** `KES/2` → `KES`. */
export const currencyOf = (asset: Asset): string => asset.slice(0, asset.indexOf('/'))

/** `KES/2` → 2. */
export const scaleOf = (asset: Asset): number => Number(asset.slice(asset.indexOf('/') + 1))
