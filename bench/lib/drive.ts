import { createHistogram } from 'node:perf_hooks'
import { median } from './statistics.ts'

/** Rates of a closed loop: each lane starts its next act when the previous one has ended. */
export interface Rates {
  perSecond: number
  p50Us: number
  p95Us: number
  p99Us: number
  acts: number
}

export interface Drive {
  /** Number of acts that run at once. */
  lanes: number
  /** Measured duration, after the warm-up. */
  durationMs: number
  /** Duration before measuring. Default: a fifth of `durationMs`. */
  warmupMs?: number
  /** Maximum extension of the duration until the first act ends, 10 s by default. A busy machine is not a failure. */
  graceMs?: number
  /** Performs one act. An error ends the drive, because a benchmark with failures has no valid rate. */
  act(lane: number): Promise<unknown>
}

/** Runs the acts and returns their rates. Throws the error of an act, and an error when no act ends. */
export async function drive(options: Drive): Promise<Rates> {
  const { lanes, durationMs, warmupMs = durationMs / 5, graceMs = 10_000, act } = options
  const histogram = createHistogram({ figures: 3, lowest: 1, highest: 600_000_000 })
  const from = performance.now() + warmupMs
  const until = from + durationMs
  let stopped = false
  let measuredMs = durationMs
  const isMeasuring = (at: number): boolean => at < until || (histogram.count === 0 && at < until + graceMs)
  const lane = async (index: number): Promise<void> => {
    for (let began = performance.now(); isMeasuring(began) && !stopped;) {
      await act(index)
      const ended = performance.now()
      if (began >= from && isMeasuring(ended)) {
        measuredMs = Math.max(measuredMs, ended - from)
        histogram.record(Math.max(1, Math.round((ended - began) * 1000)))
      }
      began = ended
    }
  }
  const running = Array.from({ length: lanes }, (_, index) =>
    lane(index).catch((error: unknown) => {
      stopped = true
      throw error
    }),
  )
  const failed = (await Promise.allSettled(running)).find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  if (histogram.count === 0) throw new Error(`no act ended within ${durationMs + graceMs} ms`)
  return {
    perSecond: rateOf(histogram.count, measuredMs),
    p50Us: histogram.percentile(50),
    p95Us: histogram.percentile(95),
    p99Us: histogram.percentile(99),
    acts: histogram.count,
  }
}

/** Acts per second, rounded; a rate below 10 keeps two digits. */
function rateOf(acts: number, elapsedMs: number): number {
  const rate = (acts * 1000) / elapsedMs
  return rate < 10 ? Number(rate.toPrecision(2)) : Math.round(rate)
}

/**
 * Runs all variants in turn, `runs` times, so that a busy machine affects all of them. Each round starts with another variant.
 * Returns the median of each figure.
 */
export async function alternate<Name extends string>(
  variants: Readonly<Record<Name, () => Promise<Rates>>>,
  runs: number,
): Promise<Record<Name, Rates>> {
  const names = Object.keys(variants) as Name[]
  const measured = new Map<Name, Rates[]>(names.map((name) => [name, []]))
  for (let round = 0; round < runs; round += 1) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)])
      measured.get(name)?.push(await variants[name]())
  }
  return Object.fromEntries([...measured].map(([name, all]) => [name, medianOf(all)])) as Record<Name, Rates>
}

const medianOf = (all: readonly Rates[]): Rates => ({
  perSecond: median(all.map((rates) => rates.perSecond)),
  p50Us: median(all.map((rates) => rates.p50Us)),
  p95Us: median(all.map((rates) => rates.p95Us)),
  p99Us: median(all.map((rates) => rates.p99Us)),
  acts: median(all.map((rates) => rates.acts)),
})
