/** Returns the middle value, or the mean of the middle two for an even number of values. Throws without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  if (low === undefined || high === undefined) throw new Error('no values')
  return (low + high) / 2
}

export interface Interval {
  readonly lower: number
  readonly upper: number
  /** Probability that the interval contains the true median. At least the requested confidence. */
  readonly coverage: number
}

/**
 * Returns the confidence interval of the median between two order statistics, which inverts the sign test: the k-th smallest and the
 * k-th largest value, with the largest k that covers enough. It is exact for independent values of any distribution, because each value lies
 * below the true median with probability 1/2. A t-interval would assume normal values, and bursts of other work make ratios anything but
 * normal. A bootstrap covers too little with a dozen values, and its result depends on a seed.
 * Throws with fewer than 6 values, which cannot cover 95 %.
 */
export function medianInterval(values: readonly number[], confidence = 0.95): Interval {
  const sorted = values.toSorted((a, b) => a - b)
  let found: Interval | undefined
  for (let k = 1; k <= sorted.length / 2; k += 1) {
    const coverage = 1 - 2 * binomialAtMost(k - 1, sorted.length)
    const [lower, upper] = [sorted[k - 1], sorted[sorted.length - k]]
    if (coverage < confidence || lower === undefined || upper === undefined) break
    found = { lower, upper, coverage }
  }
  if (!found) throw new Error(`${sorted.length} values are too few for an interval of ${confidence * 100} %`)
  return found
}

/** Probability of at most `most` heads in `n` tosses of a fair coin. */
function binomialAtMost(most: number, n: number): number {
  let term = 0.5 ** n
  let sum = 0
  for (let heads = 0; heads <= most; heads += 1) {
    sum += term
    term *= (n - heads) / (heads + 1)
  }
  return sum
}

/** Smallest median ratio that counts as not slower. */
const MIN_MEDIAN = 0.95

export interface Verdict {
  readonly median: number
  readonly interval: Interval
  /**
   * 'not slower': upper end ≥ 1.0 and median ≥ 0.95. 'slower': the interval lies below 1.0. 'undecided': an equal rate is possible, but the
   * median is below 0.95: the pairs scatter too much.
   */
  readonly word: 'not slower' | 'slower' | 'undecided'
  readonly notSlower: boolean
}

/** Judges the ratios new rate ÷ base rate of interleaved pairs. Throws with fewer than 6. */
export function judgeRatios(ratios: readonly number[]): Verdict {
  const [middle, interval] = [median(ratios), medianInterval(ratios)]
  const word = interval.upper < 1 ? 'slower' : middle < MIN_MEDIAN ? 'undecided' : 'not slower'
  return { median: middle, interval, word, notSlower: word === 'not slower' }
}
