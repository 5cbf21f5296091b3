import { assetOf, isCurrency, scaleOf } from '#money'
import { WireError } from './errors.ts'

/** Decimals of Stripe's amounts where they differ from ISO 4217 (docs.stripe.com/currencies#special-cases, #zero-decimal). */
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['isk', 2],
  ['ugx', 2],
  ['mga', 0],
])
const WHOLE_UNITS: ReadonlySet<string> = new Set(['isk', 'ugx'])

/** Returns the decimals of Stripe's amounts in a currency. `currency` is in lower case. */
export const decimalsOf = (currency: string): number =>
  SPECIAL.get(currency) ?? (isCurrency(currency.toUpperCase()) ? scaleOf(assetOf(currency.toUpperCase())) : 2)

/** Returns the divisor of valid amounts in Stripe's minor units. */
export const stepOf = (currency: string): number =>
  WHOLE_UNITS.has(currency) ? 100 : decimalsOf(currency) === 3 ? 10 : 1

/** Throws WireError 400 for a currency that Stripe does not support. */
export function requireCurrency(currency: string): void {
  if (!isCurrency(currency.toUpperCase()))
    throw new WireError(400, `Invalid currency: ${currency}`, { param: 'currency' })
}

/** Throws WireError 400 for an amount that Stripe does not accept in this currency. */
export function requireStep(amount: number, currency: string): void {
  const step = stepOf(currency)
  if (amount % step === 0) return
  const message = `Invalid amount: in ${currency} it must be divisible by ${step}.`
  throw new WireError(400, message, { param: 'amount' })
}
