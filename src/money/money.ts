import { currencyOf, scaleOf, type Asset } from './asset.ts'

/** An amount in minor units of an asset: `{ asset: 'KES/2', amount: 150000n }` is KES 1,500.00. */
export interface Money {
  readonly asset: Asset
  readonly amount: bigint
}

/** Rounding of the part below one minor unit: toward zero, away from zero, or half to even. The caller always names it; there is no default. */
export type Rounding = 'down' | 'up' | 'half-even'

export const money = (asset: Asset, amount: bigint): Money => ({ asset, amount })

/** Maximum digits before the point. Such an amount is far below the numeric(38,0) of the database. */
const LARGEST_WHOLE_DIGITS = 15

/**
 * Parses a decimal string such as `"1500.00"`. Refuses signs, exponents, spaces, grouping, and decimals that the asset does not have unless they
 * are zeros: `"500.00"` is JPY 500.
 * @returns the money, or the end of a sentence about the problem
 */
export function parseAmount(text: string, asset: Asset): Money | { problem: string } {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text)
  if (!match) return { problem: 'must be a positive decimal string such as "1500.00"' }
  const [, whole = '', fraction = ''] = match
  const scale = scaleOf(asset)
  if (whole.length > LARGEST_WHOLE_DIGITS) return { problem: 'is too large' }
  if (!/^0*$/.test(fraction.slice(scale))) return { problem: tooFine(asset) }
  return { asset, amount: BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0')) }
}

const tooFine = (asset: Asset): string => {
  const [scale, currency] = [scaleOf(asset), currencyOf(asset)]
  return scale === 0
    ? `must be a whole number such as "1500": ${currency} has no decimals`
    : `has more than ${scale} decimals, which ${currency} does not have`
}

/** Formats money as a decimal string with all decimals of the asset: `{ KES/2, 150000n }` → `"1500.00"`. */
export function formatAmount({ asset, amount }: Money): string {
  const scale = scaleOf(asset)
  const digits = (amount < 0n ? -amount : amount).toString().padStart(scale + 1, '0')
  const sign = amount < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** Adds two amounts. Throws RangeError if the assets differ, like all arithmetic here. */
export function add(a: Money, b: Money): Money {
  requireSameAsset(a, b)
  return { asset: a.asset, amount: a.amount + b.amount }
}

export function subtract(a: Money, b: Money): Money {
  requireSameAsset(a, b)
  return { asset: a.asset, amount: a.amount - b.amount }
}

export function minOf(a: Money, b: Money): Money {
  requireSameAsset(a, b)
  return a.amount <= b.amount ? a : b
}

export const sumOf = (asset: Asset, parts: readonly Money[]): Money => parts.reduce(add, { asset, amount: 0n })

export const isZero = ({ amount }: Money): boolean => amount === 0n

/** Returns `amount × numerator / denominator`, for fees and rates. Throws RangeError unless the denominator is positive. */
export function multiply({ asset, amount }: Money, numerator: bigint, denominator: bigint, rounding: Rounding): Money {
  if (denominator <= 0n) throw new RangeError('The denominator must be positive')
  const product = amount * numerator
  const size = product < 0n ? -product : product
  const quotient = size / denominator
  const remainder = size % denominator
  const goesUp =
    rounding === 'up'
      ? remainder > 0n
      : rounding === 'half-even' &&
        (remainder * 2n > denominator || (remainder * 2n === denominator && quotient % 2n === 1n))
  const rounded = goesUp ? quotient + 1n : quotient
  return { asset, amount: product < 0n ? -rounded : rounded }
}

function requireSameAsset(a: Money, b: Money): void {
  if (a.asset !== b.asset) throw new RangeError(`${a.asset} and ${b.asset} cannot be combined`)
}
