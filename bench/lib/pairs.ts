import type { Rates } from './drive.ts'

/** Two runs, one right after the other. */
export interface Pair {
  readonly base: Rates
  readonly current: Rates
  /** Rate of the current side ÷ rate of the base. */
  readonly ratio: number
}

/**
 * Runs `count` pairs and returns them in order. The first run of a pair alternates between the sides, so that a machine that slows down or
 * speeds up steadily favours neither.
 */
export async function runPairs(
  run: Readonly<Record<'base' | 'current', () => Promise<Rates>>>,
  count: number,
  onPair?: (pair: Pair, n: number) => void,
): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let n = 1; n <= count; n += 1) {
    const first = n % 2 === 1 ? 'base' : 'current'
    const early = await run[first]()
    const late = await run[first === 'base' ? 'current' : 'base']()
    const [base, current] = first === 'base' ? [early, late] : [late, early]
    const pair = { base, current, ratio: current.perSecond / base.perSecond }
    pairs.push(pair)
    onPair?.(pair, n)
  }
  return pairs
}
