/** An exact positive number, in lowest terms. */
export interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

export const ONE: Fraction = { numerator: 1n, denominator: 1n }

/** Returns the fraction in lowest terms. Throws RangeError unless both numbers are positive. */
export function fraction(numerator: bigint, denominator: bigint): Fraction {
  if (numerator <= 0n || denominator <= 0n) throw new RangeError('A rate must be positive')
  const divisor = gcd(numerator, denominator)
  return { numerator: numerator / divisor, denominator: denominator / divisor }
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b)
}

const DECIMAL = /^(\d{1,30})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,2}))?$/

/** Parses `67187.33` or `9.1e-7` exactly. Returns undefined for anything but a positive decimal number. */
export function parseFraction(text: string): Fraction | undefined {
  const match = DECIMAL.exec(text)
  if (!match) return undefined
  const [, whole = '', decimals = '', exponent = '0'] = match
  const numerator = BigInt(whole + decimals)
  const shift = Number(exponent) - decimals.length
  if (numerator === 0n) return undefined
  return shift >= 0 ? fraction(numerator * 10n ** BigInt(shift), 1n) : fraction(numerator, 10n ** BigInt(-shift))
}

export const multiplyFractions = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.numerator * b.numerator, a.denominator * b.denominator)

export const invertFraction = ({ numerator, denominator }: Fraction): Fraction => ({
  numerator: denominator,
  denominator: numerator,
})

export const divideFractions = (a: Fraction, b: Fraction): Fraction => multiplyFractions(a, invertFraction(b))

/** Compares for sorting: negative when `a` is smaller. */
function compare(a: Fraction, b: Fraction): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** Returns the median: the middle value, or the mean of the two middle values. Undefined for an empty list. */
export function median(values: readonly Fraction[]): Fraction | undefined {
  const sorted = values.toSorted(compare)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low && high && mean(low, high)
}

const mean = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.numerator * b.denominator + b.numerator * a.denominator, 2n * a.denominator * b.denominator)

const BPS = 10_000n

/** Whether `a` differs from `from` by at most `bps` basis points of `from`. */
export function isWithin(a: Fraction, from: Fraction, bps: bigint): boolean {
  const difference = a.numerator * from.denominator - from.numerator * a.denominator
  const size = difference < 0n ? -difference : difference
  return size * BPS <= from.numerator * a.denominator * bps
}

const SIGNIFICANT = 18

/** Formats as decimal text, rounded half to even to 18 significant digits. For display only; calculate with the fraction. */
export function formatFraction({ numerator, denominator }: Fraction): string {
  const magnitude = numerator.toString().length - denominator.toString().length
  const places = Math.max(0, SIGNIFICANT - magnitude)
  const scaled = numerator * 10n ** BigInt(places)
  const remainder = (scaled % denominator) * 2n
  const floor = scaled / denominator
  const up = remainder > denominator || (remainder === denominator && floor % 2n === 1n)
  const digits = (up ? floor + 1n : floor).toString().padStart(places + 1, '0')
  if (places === 0) return digits
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '')
}
