import { isWithin, median, type Fraction } from './fraction.ts'

export interface SourcePrice {
  readonly source: string
  readonly value: Fraction
  readonly at: Date
}

/** What is taken as the value of a currency. */
export interface AgreedPrice {
  readonly value: Fraction
  /** That of the oldest price in it. */
  readonly at: Date
  /** Those whose prices are in it, in the order of the alphabet. */
  readonly sources: readonly string[]
}

/** What was taken last. */
export interface LastGood extends AgreedPrice {
  /** The last value that two sources at least agreed on: none may lead it away from there step by step, alone. */
  readonly agreed?: Pick<AgreedPrice, 'value' | 'at'> | undefined
}

export interface Consensus {
  /** Undefined: nobody knows, and the last good value stays. */
  readonly agreedPrice: AgreedPrice | undefined
  /** Sources that were not believed. */
  readonly leftOut: readonly string[]
}

export interface ConsensusRules {
  readonly maxDeviationBps: bigint
  readonly minSources: number
  /** How long the last good value says who of two that differ is right. */
  readonly arbiterMs: number
  readonly now: Date
}

/** How far clocks may run apart before a time is taken for wrong. */
export const SKEW_MS = 60_000
const HOUR_MS = 60 * 60_000
/** After it an old price says nothing any more, and a source that speaks alone is believed. */
const MEMORY_MS = 24 * HOUR_MS

/**
 * The median of those who agree. Who is further than the deviation from the median is left out, and the rest must be more than half of
 * all. Of several without such a majority those count that fit the last good value while it is fresh. One alone must fit it too, with
 * one deviation more for each hour that it is old, for prices move: else a source that lies could wait until it is alone. So must what counts
 * without a majority fit what several agreed on last: else it could move the price by a deviation a minute.
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
  /** Prices move. */
  function grown(ageMs: number): bigint {
    return (maxDeviationBps * BigInt(HOUR_MS + ageMs)) / BigInt(HOUR_MS)
  }
  const leftOut = prices.filter((price) => !counted.includes(price)).map(({ source }) => source)
  return { agreedPrice: counted.length >= minSources ? combinePrices(counted) : undefined, leftOut }
}

/** Infinite for none, and for one from the future: a clock was wrong then. */
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
