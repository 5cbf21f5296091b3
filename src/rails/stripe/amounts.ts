import { assetOf, isCurrency, money, type Asset, type Money } from '#money'
import type { AmountLimits } from '#rails/contract'

/**
 * Smallest charge per currency in our minor units. Stated by Stripe for those it settles in, elsewhere about half a dollar, which is what
 * Stripe compares after conversion (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
 */
const SMALLEST: Readonly<Record<string, bigint>> = {
  AED: 200n,
  AUD: 50n,
  BRL: 50n,
  CAD: 50n,
  CHF: 50n,
  CZK: 1500n,
  DKK: 250n,
  EGP: 3000n,
  ETB: 8000n,
  EUR: 50n,
  GBP: 30n,
  GHS: 800n,
  HKD: 400n,
  HUF: 17_500n,
  INR: 5000n,
  JPY: 50n,
  KES: 7000n,
  KRW: 800n,
  MXN: 1000n,
  MYR: 200n,
  NGN: 90_000n,
  NOK: 300n,
  NZD: 50n,
  PLN: 200n,
  RON: 200n,
  RWF: 800n,
  SEK: 300n,
  SGD: 50n,
  THB: 1000n,
  TRY: 2500n,
  TZS: 140_000n,
  UGX: 2000n,
  USD: 50n,
  XAF: 350n,
  XOF: 350n,
  ZAR: 1000n,
  ZMW: 1500n,
}

/** Stripe writes these with two more decimals than they have (docs.stripe.com/currencies#special-cases). */
const SHIFTED: Readonly<Record<string, bigint>> = { UGX: 100n }
const shiftOf = (currency: string): bigint => (Object.hasOwn(SHIFTED, currency) ? (SHIFTED[currency] ?? 1n) : 1n)

/** Stripe takes amounts of eight digits in its minor units. */
const LARGEST = 99_999_999n

export const assets: readonly Asset[] = Object.keys(SMALLEST).map(assetOf)

export function limitsOf(asset: Asset): AmountLimits {
  const currency = asset.slice(0, 3)
  return { min: SMALLEST[currency] ?? 1n, max: LARGEST / shiftOf(currency), step: 1n }
}

export interface StripeAmount {
  readonly amount: bigint
  readonly currency: string
}

export function toStripe({ asset, amount }: Money): StripeAmount {
  const currency = asset.slice(0, 3)
  return { amount: amount * shiftOf(currency), currency: currency.toLowerCase() }
}

/** Throws RangeError on a currency we do not know, or an amount below its minor unit. */
export function fromStripe({ amount, currency }: StripeAmount): Money {
  const code = currency.toUpperCase()
  const shift = shiftOf(code)
  if (!isCurrency(code) || amount % shift !== 0n)
    throw new RangeError(`Stripe's amount ${amount} ${code} cannot be read`)
  return money(assetOf(code), amount / shift)
}
