import { isWithin, median, type Fraction } from './fraction.ts'

export interface Voice {
  readonly source: string
  readonly value: Fraction
  readonly at: Date
}

/** What is taken as the value of a currency. */
export interface Verdict {
  readonly value: Fraction
  /** That of the oldest price in it. */
  readonly at: Date
  /** Those whose prices are in it, in the order of the alphabet. */
  readonly sources: readonly string[]
}

export interface Judgement {
  /** Undefined: nobody knows, and the last good value stays. */
  readonly verdict: Verdict | undefined
  /** Sources that were not believed. */
  readonly leftOut: readonly string[]
}

export interface JudgeRules {
  readonly maxDeviationBps: bigint
  readonly minSources: number
  /** How long the last good value says who of two that differ is right. */
  readonly arbiterMs: number
  readonly now: Date
}

/**
 * How long a source that speaks alone must fit the last good value. Beyond it prices have moved so far that the old one says nothing,
 * and the lone source is believed: without this a currency that one source gives would be lost after any longer outage.
 */
const MEMORY_MS = 24 * 60 * 60_000

/**
 * The median of those who agree. Who is further than the deviation from the median is left out, and the rest must be more than half of
 * all. Where there is no such majority (two that differ, or one alone), those count that fit the last good value.
 */
export function judge(voices: readonly Voice[], lastGood: Verdict | undefined, rules: JudgeRules): Judgement {
  const { maxDeviationBps, minSources, arbiterMs, now } = rules
  const middle = median(voices.map(({ value }) => value))
  if (!middle) return { verdict: undefined, leftOut: [] }
  const near = (to: Fraction): Voice[] => voices.filter(({ value }) => isWithin(value, to, maxDeviationBps))
  const agreeing = near(middle)
  const settled = voices.length > 1 && agreeing.length * 2 > voices.length
  const lastAgeMs = lastGood ? now.getTime() - lastGood.at.getTime() : Infinity
  const counted = settled
    ? agreeing
    : lastGood && lastAgeMs <= (voices.length === 1 ? MEMORY_MS : arbiterMs)
      ? near(lastGood.value)
      : voices.length === 1
        ? voices
        : []
  const leftOut = voices.filter((voice) => !counted.includes(voice)).map(({ source }) => source)
  return { verdict: counted.length >= minSources ? verdictOf(counted) : undefined, leftOut }
}

function verdictOf(counted: readonly Voice[]): Verdict | undefined {
  const value = median(counted.map((voice) => voice.value))
  const [first, ...rest] = counted.map(({ at }) => at)
  if (!value || !first) return undefined
  const at = rest.reduce((oldest, one) => (one < oldest ? one : oldest), first)
  return { value, at, sources: counted.map(({ source }) => source).toSorted() }
}
