import { assetOf, isCurrency, money, type Asset, type Money, currencyOf, scaleOf } from '#money'
import type { AmountLimits } from '#rails/contract'

/** Currencies that Stripe charges cards in (docs.stripe.com/currencies#presentment-currencies, all account countries together). */
const CHARGED =
  `AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF
  CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK
  JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD
  NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB
  TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW`.split(/\s+/)

/**
 * Smallest charge per currency in our minor units, as Stripe states it for accounts that settle in the currency
 * (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). Stripe compares other charges after conversion.
 */
const STATED: Readonly<Record<string, bigint>> = {
  AED: 200n,
  ARS: 50n,
  AUD: 50n,
  BRL: 50n,
  CAD: 50n,
  CHF: 50n,
  COP: 50n,
  CZK: 1500n,
  DKK: 250n,
  EUR: 50n,
  GBP: 30n,
  HKD: 400n,
  HUF: 17_500n,
  IDR: 50n,
  ILS: 50n,
  INR: 50n,
  JPY: 50n,
  KRW: 50n,
  MXN: 1000n,
  MYR: 200n,
  NOK: 300n,
  NZD: 50n,
  PHP: 50n,
  PLN: 200n,
  RON: 200n,
  RUB: 50n,
  SEK: 300n,
  SGD: 50n,
  THB: 1000n,
  USD: 50n,
  ZAR: 50n,
}

/**
 * Smallest charge of about half a US dollar, which most accounts need after conversion. Stripe states no minimum for these currencies and
 * does not settle in them.
 */
const ABOUT_HALF_A_DOLLAR: Readonly<Record<string, bigint>> = {
  EGP: 3000n,
  ETB: 8000n,
  KES: 7000n,
  NGN: 90_000n,
  RWF: 800n,
  TRY: 2500n,
  TZS: 140_000n,
  UGX: 2000n,
  XAF: 350n,
  XOF: 350n,
  ZMW: 1500n,
}

const SMALLEST: ReadonlyMap<string, bigint> = new Map(Object.entries({ ...STATED, ...ABOUT_HALF_A_DOLLAR }))

/**
 * Currencies whose decimals at Stripe differ from ISO 4217: ISK and UGX have two that are always 00, MGA has none
 * (docs.stripe.com/currencies#special-cases, #zero-decimal). HUF and TWD are special only in payouts, which need whole units.
 */
const STRIPE_SCALES: ReadonlyMap<string, number> = new Map([
  ['ISK', 2],
  ['UGX', 2],
  ['MGA', 0],
])

/** The last digit of an amount with three decimals must be 0 (docs.stripe.com/currencies#three-decimal). */
const THREE_DECIMALS_STEP = 10n

/** Maximum of a card payment: twelve digits in Stripe's minor units. Card networks may accept less. */
const LARGEST = 999_999_999_999n

/** Assets of card payments. */
export const assets: readonly Asset[] = CHARGED.map(assetOf)

/** Returns the factor from our minor units to Stripe's: multiply by `times`, divide by `by`. */
function shiftOf(asset: Asset): { readonly times: bigint; readonly by: bigint } {
  const scale = scaleOf(asset)
  const more = (STRIPE_SCALES.get(currencyOf(asset)) ?? scale) - scale
  return more >= 0 ? { times: 10n ** BigInt(more), by: 1n } : { times: 1n, by: 10n ** BigInt(-more) }
}

/** Returns the limits of a charge in our minor units. `step` covers currencies with fewer decimals at Stripe, and its rule for three decimals. */
export function limitsOf(asset: Asset): AmountLimits {
  const { times, by } = shiftOf(asset)
  const step = scaleOf(asset) === 3 ? THREE_DECIMALS_STEP : by
  const stated = SMALLEST.get(currencyOf(asset)) ?? 1n
  return { min: stated > step ? stated : step, max: (((LARGEST / times) * by) / step) * step, step }
}

export interface StripeAmount {
  readonly amount: bigint
  readonly currency: string
}

/** Converts an amount for Stripe's API. Throws RangeError on an amount finer than Stripe's decimals; `limitsOf` returns the step. */
export function toStripe({ asset, amount }: Money): StripeAmount {
  const { times, by } = shiftOf(asset)
  const currency = currencyOf(asset)
  if (amount % by !== 0n) throw new RangeError(`The amount ${amount} ${asset} has more decimals than Stripe supports`)
  return { amount: (amount * times) / by, currency: currency.toLowerCase() }
}

/** Converts an amount of Stripe's API. Throws RangeError on an unknown currency, or an amount finer than our minor unit. */
export function fromStripe({ amount, currency }: StripeAmount): Money {
  const code = currency.toUpperCase()
  if (!isCurrency(code)) throw new RangeError(`Stripe's amount ${amount} ${code} has an unknown currency`)
  const asset = assetOf(code)
  const { times, by } = shiftOf(asset)
  if (amount % times !== 0n) throw new RangeError(`Stripe's amount ${amount} ${code} is finer than our minor unit`)
  return money(asset, (amount / times) * by)
}
