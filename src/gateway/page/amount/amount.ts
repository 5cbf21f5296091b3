import { assetOf, isCurrency, listCurrencies, money, parseAmount, scaleOf, type Asset, type Money } from '#money'
import type { PaymentMethod, Payments } from '#payments'
import { LARGEST_UNITS, problemWith } from '../../intents/new-intent.ts'
import { showMoney } from '../../strings/format.ts'
import type { Speech } from '../../strings/strings.ts'

/** Amounts that payers enter: on /checkout, and on payment links without a fixed amount. */

export interface Offer {
  readonly currency: string
  /** Methods that are available now. */
  readonly methods: readonly PaymentMethod[]
}

/** Returns the currencies that an available method accepts. */
export const listOffers = (payments: Pick<Payments, 'methods'>): readonly Offer[] =>
  listCurrencies().flatMap((currency) => {
    const methods = payments.methods(assetOf(currency)).filter(({ unavailable }) => unavailable === undefined)
    return methods.length > 0 ? [{ currency, methods }] : []
  })

export interface Bounds {
  readonly min?: bigint | undefined
  readonly max?: bigint | undefined
}

/** Returns the amount and the methods that accept it, or an error text for the payer. */
export function parseTypedAmount(
  typed: string,
  { currency, methods }: Offer,
  bounds: Bounds,
  speech: Speech,
): { amount: Money; methods: readonly string[] } | { problem: string } {
  if (!isCurrency(currency)) return { problem: speech.say('amountInvalid') }
  const asset = assetOf(currency)
  const amount = looksGrouped(withoutGroups(typed), asset)
    ? { problem: 'may be grouped' }
    : parseAmount(withoutGroups(typed), asset)
  if ('problem' in amount) {
    const decimals = /^\d{1,15}\.\d+$/.test(withoutGroups(typed))
    const values = { currency, n: String(scaleOf(asset)) }
    return { problem: decimals ? speech.say('amountDecimals', values) : speech.say('amountInvalid') }
  }
  if (amount.amount === 0n) return { problem: speech.say('amountInvalid') }
  const limits = methods.map((method) => method.limits)
  const min = mostOf(bounds.min ?? 0n, limits.map((each) => each.min).reduce(leastOf))
  const max = leastOf(
    leastOf(bounds.max ?? LARGEST_UNITS * 10n ** BigInt(scaleOf(asset)), LARGEST_UNITS * 10n ** BigInt(scaleOf(asset))),
    limits.map((each) => each.max).reduce(mostOf),
  )
  if (amount.amount < min) return { problem: speech.say('amountLow', { min: showMoney(money(asset, min)) }) }
  if (amount.amount > max) return { problem: speech.say('amountHigh', { max: showMoney(money(asset, max)) }) }
  const able = methods.filter((method) => problemWith(method, amount) === undefined)
  if (able.length > 0) return { amount, methods: able.map(({ method }) => method) }
  const step = limits.map((each) => each.step).reduce(leastOf)
  return { problem: speech.say('amountStep', { step: showMoney(money(asset, step)) }) }
}

/** Removes the group separators of typed amounts such as `KES 1,500.50` and `1 500`. A comma elsewhere is ambiguous and stays. */
function withoutGroups(typed: string): string {
  const bare = typed.trim().replace(/^[A-Z]{3,5}\s*|\s*[A-Z]{3,5}$/gi, '')
  return /^\d{1,3}(?:[, \u00A0]\d{3})+(?:\.\d+)?$/.test(bare) ? bare.replaceAll(/[, \u00A0]/g, '') : bare
}

/** Returns whether three digits follow a point although the currency has fewer decimals. `1.500` may mean 1500 and not 1.5. */
const looksGrouped = (typed: string, asset: Asset): boolean => scaleOf(asset) < 3 && /^\d{1,3}\.\d{3}$/.test(typed)

const leastOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const mostOf = (a: bigint, b: bigint): bigint => (a > b ? a : b)
