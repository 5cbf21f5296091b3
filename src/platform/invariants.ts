import { addMs, type Clock } from './clock.ts'
import type { Queryable } from './db.ts'
import type { HealthCheck } from './health.ts'
import type { Cron } from './jobs.ts'
import type { Metrics } from './metrics.ts'
import type { Invariant } from './module.ts'

export interface InvariantsDeps {
  readonly db: Queryable
  readonly clock: Clock
  readonly metrics: Metrics
  readonly invariants: readonly Invariant[]
}

const EVERY_MS = 10 * 60_000
/** Another instance may have looked since, and found it mended. */
const KEPT_MS = 3 * EVERY_MS
const SHOWN = 5

/** Looks every ten minutes whether what must hold does. What is broken is logged, counted and degrades the health. */
export function watchInvariants(deps: InvariantsDeps): { readonly cron: Cron; readonly health: HealthCheck } {
  const { db, clock, metrics, invariants } = deps
  const gauge = metrics.gauge('purser_invariants_broken', 'Sentences on what must not be, 0 when it holds', [
    'invariant',
  ])
  let last: { readonly broken: readonly string[]; readonly at: Date } | undefined
  return {
    cron: {
      name: 'platform.invariants',
      everyMs: EVERY_MS,
      run: async ({ log, signal }) => {
        const broken: string[] = []
        // One after the other: payments go first.
        for (const { name, check } of invariants) {
          if (signal.aborted) return
          try {
            const problems = await check(db)
            gauge.set({ invariant: name }, problems.length)
            if (problems.length === 0) continue
            broken.push(name)
            log.error(
              { invariant: name, problems: problems.slice(0, SHOWN) },
              'an invariant is broken: see purser check',
            )
          } catch (err) {
            // Large books take longer than a statement may: `purser check` is there for those.
            log.warn({ invariant: name, err }, 'an invariant could not be checked')
          }
        }
        last = { broken, at: clock.now() }
      },
    },
    health: {
      name: 'invariants',
      critical: false,
      check: () => {
        if (!last || addMs(last.at, KEPT_MS) < clock.now() || last.broken.length === 0)
          return Promise.resolve({ status: 'healthy' })
        return Promise.resolve({ status: 'degraded', detail: { broken: last.broken } })
      },
    },
  }
}
