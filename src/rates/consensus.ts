import { isWithin, median, type Fraction } from './fraction.ts'

export interface SourcePrice {
  readonly source: string
  readonly value: Fraction
  readonly at: Date
}

/** Agreed value of a currency in USD. */
export interface AgreedPrice {
  readonly value: Fraction
  /** Time of the oldest price in it. */
  readonly at: Date
  /** Names of the sources whose prices are in it, sorted. */
  readonly sources: readonly string[]
}

/** Last agreed price. */
export interface LastGood extends AgreedPrice {
  /** Last value that at least two sources agreed on. It bounds how far a single source can move the price in small steps. */
  readonly agreed?: Pick<AgreedPrice, 'value' | 'at'> | undefined
}

export interface Consensus {
  /** Undefined: no agreement. The last good price stays. */
  readonly agreedPrice: AgreedPrice | undefined
  /** Names of the sources that were excluded. */
  readonly leftOut: readonly string[]
}

export interface ConsensusRules {
  readonly maxDeviationBps: bigint
  readonly minSources: number
  /** Age in ms up to which the last good price decides between sources without a majority. */
  readonly arbiterMs: number
  readonly now: Date
}

/** Tolerated clock difference. A time further in the future is invalid. */
export const SKEW_MS = 60_000
const HOUR_MS = 60 * 60_000
/** Age after which the last good price has no influence, so a single source is accepted. */
const MEMORY_MS = 24 * HOUR_MS

/**
 * Returns the median of the sources that agree.
 *
 * - Majority: sources further than the deviation from the median are excluded. The rest must be more than half of all sources.
 * - Several sources without a majority: those near the last good price count, while it is fresh.
 * - One source: it must be near the last good price, with one more deviation per hour of its age. Otherwise a false source could wait until it is
 *   the only one.
 * - Without a majority, prices must also be near the last price that several sources agreed on. Otherwise one source could move the price by a
 *   deviation per minute.
 */
export function findConsensus(
  prices: readonly SourcePrice[],
  lastGood: LastGood | undefined,
  rules: ConsensusRules,
): Consensus {
  const { maxDeviationBps, minSources, arbiterMs, now } = rules
  const middle = median(prices.map(({ value }) => value))
  if (!middle) return { agreedPrice: undefined, leftOut: [] }
  const near = (to: Fraction, bps = maxDeviationBps): SourcePrice[] =>
    prices.filter(({ value }) => isWithin(value, to, bps))
  const agreeing = near(middle)
  const settled = prices.length > 1 && agreeing.length * 2 > prices.length
  const counted = settled ? agreeing : prices.length === 1 ? alone() : arbitrated()

  function arbitrated(): readonly SourcePrice[] {
    const ageMs = ageOf(lastGood, now)
    return lastGood && ageMs <= arbiterMs ? near(lastGood.value).filter(fitsAgreed) : []
  }
  function alone(): readonly SourcePrice[] {
    const ageMs = ageOf(lastGood, now)
    if (!lastGood || ageMs > MEMORY_MS) return prices
    return near(lastGood.value, grown(ageMs)).filter(fitsAgreed)
  }
  function fitsAgreed({ value }: SourcePrice): boolean {
    const agreed = lastGood?.agreed
    const ageMs = ageOf(agreed, now)
    return !agreed || ageMs > MEMORY_MS || isWithin(value, agreed.value, grown(ageMs))
  }
  /** Returns the allowed deviation from a price of this age: one more deviation per hour, because prices move. */
  function grown(ageMs: number): bigint {
    return (maxDeviationBps * BigInt(HOUR_MS + ageMs)) / BigInt(HOUR_MS)
  }
  const leftOut = prices.filter((price) => !counted.includes(price)).map(({ source }) => source)
  return { agreedPrice: counted.length >= minSources ? combinePrices(counted) : undefined, leftOut }
}

/** Returns the age in ms; Infinity without a price, and for a price from the future, because a clock was wrong. */
function ageOf(one: Pick<AgreedPrice, 'at'> | undefined, now: Date): number {
  const ageMs = one ? now.getTime() - one.at.getTime() : Infinity
  return ageMs < -SKEW_MS ? Infinity : Math.max(0, ageMs)
}

function combinePrices(counted: readonly SourcePrice[]): AgreedPrice | undefined {
  const value = median(counted.map((price) => price.value))
  const [first, ...rest] = counted.map(({ at }) => at)
  if (!value || !first) return undefined
  const at = rest.reduce((oldest, one) => (one < oldest ? one : oldest), first)
  return { value, at, sources: counted.map(({ source }) => source).toSorted() }
}
