import { createHistogram } from 'node:perf_hooks'
import { median } from './statistics.ts'

/** What a closed loop did: each lane begins its next act when its last one has ended. */
export interface Rates {
  perSecond: number
  p50Us: number
  p95Us: number
  p99Us: number
  acts: number
}

export interface Drive {
  /** How many acts run at once. */
  lanes: number
  durationMs: number
  /** Not counted; a fifth of the duration by default. */
  warmupMs?: number
  /** One act. What it throws ends the drive: a benchmark with failures has no figure. */
  act(lane: number): Promise<unknown>
}

/** Runs the acts and returns their rates. Throws what an act throws, and when no act ended within the duration. */
export async function drive({ lanes, durationMs, warmupMs = durationMs / 5, act }: Drive): Promise<Rates> {
  const histogram = createHistogram({ figures: 3, lowest: 1, highest: 600_000_000 })
  const from = performance.now() + warmupMs
  const until = from + durationMs
  let stopped = false
  const lane = async (index: number): Promise<void> => {
    for (let began = performance.now(); began < until && !stopped;) {
      await act(index)
      const ended = performance.now()
      if (began >= from && ended <= until) histogram.record(Math.max(1, Math.round((ended - began) * 1000)))
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
  if (histogram.count === 0) throw new Error(`no act ended within ${durationMs} ms`)
  return {
    perSecond: Math.round((histogram.count * 1000) / durationMs),
    p50Us: histogram.percentile(50),
    p95Us: histogram.percentile(95),
    p99Us: histogram.percentile(99),
    acts: histogram.count,
  }
}

/**
 * Runs the variants in turn, `runs` times, so that a busy minute of the machine falls on all of them; each round begins with another
 * one. The figures are medians, one by one.
 */
export async function alternate<Name extends string>(
  variants: Readonly<Record<Name, () => Promise<Rates>>>,
  runs: number,
): Promise<Record<Name, Rates>> {
  const names = Object.keys(variants) as Name[]
  const seen = new Map<Name, Rates[]>(names.map((name) => [name, []]))
  for (let round = 0; round < runs; round += 1) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) seen.get(name)?.push(await variants[name]())
  }
  return Object.fromEntries([...seen].map(([name, all]) => [name, medianOf(all)])) as Record<Name, Rates>
}

const medianOf = (all: readonly Rates[]): Rates => ({
  perSecond: median(all.map((rates) => rates.perSecond)),
  p50Us: median(all.map((rates) => rates.p50Us)),
  p95Us: median(all.map((rates) => rates.p95Us)),
  p99Us: median(all.map((rates) => rates.p99Us)),
  acts: median(all.map((rates) => rates.acts)),
})
