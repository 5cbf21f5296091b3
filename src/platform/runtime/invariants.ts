import { addMs, type Clock } from '../base/clock.ts'
import type { Db } from '../database/db.ts'
import { describeError } from '../base/errors.ts'
import type { HealthCheck } from './health.ts'
import type { Cron } from './jobs.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Invariant } from './module.ts'

export interface InvariantsDeps {
  readonly db: Db
  readonly clock: Clock
  readonly metrics: Metrics
  readonly invariants: readonly Invariant[]
}

const INTERVAL_MS = 10 * 60_000
/** A check reads all data, so it gets slower as the books grow. A check of duration d runs at most every 50 d, so it uses at most 2% of the time. */
const INTERVAL_PER_DURATION = 50
const CHECK_TIMEOUT_MS = 5 * 60_000
/** Age after which a result is ignored: another instance may have checked since and found the invariant restored. */
const RESULT_TTL_MS = 2 * INTERVAL_MS
const MAX_LOGGED_PROBLEMS = 5

interface CheckRun {
  readonly result: 'holds' | 'broken' | 'unchecked'
  readonly nextAt: Date
}

/**
 * Checks all invariants every ten minutes, or less often for large books. A broken invariant, and one that could not be checked, is
 * logged and degrades the health. The metric counts the problems of a broken invariant.
 */
export function watchInvariants(deps: InvariantsDeps): { readonly cron: Cron; readonly health: HealthCheck } {
  const { db, clock, metrics, invariants } = deps
  const gauge = metrics.gauge(
    'purser_invariants_broken',
    'Problems found by the last check of an invariant, 0 when it holds',
    ['invariant'],
  )
  const runs = new Map<string, CheckRun>()

  async function runCheck({ name, check }: Invariant, log: Log): Promise<CheckRun['result']> {
    try {
      const problems = await checkInSnapshot(db, check)
      gauge.set({ invariant: name }, problems.length)
      if (problems.length === 0) return 'holds'
      log.error(
        { invariant: name, problems: problems.slice(0, MAX_LOGGED_PROBLEMS) },
        'an invariant is broken: run npx purser check',
      )
      return 'broken'
    } catch (error) {
      const why = describeError(error)
      log.error(
        { invariant: name, why },
        'an invariant could not be checked: run npx purser check, which has no time limit',
      )
      return 'unchecked'
    }
  }

  const listRecent = (result: CheckRun['result']): string[] => {
    const oldest = addMs(clock.now(), -RESULT_TTL_MS)
    return [...runs].flatMap(([name, one]) => (one.result === result && one.nextAt >= oldest ? [name] : []))
  }
  return {
    cron: {
      name: 'platform.invariants',
      everyMs: INTERVAL_MS,
      run: async ({ log, signal }) => {
        // Check one after the other, to leave database capacity for payments.
        for (const invariant of invariants) {
          if (signal.aborted) return
          const startedAt = clock.now()
          const { nextAt } = runs.get(invariant.name) ?? {}
          if (nextAt && nextAt > startedAt) continue
          const result = await runCheck(invariant, log)
          const durationMs = clock.now().getTime() - startedAt.getTime()
          const waitMs = Math.max(INTERVAL_MS, durationMs * INTERVAL_PER_DURATION)
          runs.set(invariant.name, { result, nextAt: addMs(startedAt, waitMs) })
        }
      },
    },
    health: {
      name: 'invariants',
      critical: false,
      check: () => {
        const [broken, unchecked] = [listRecent('broken'), listRecent('unchecked')]
        if (broken.length + unchecked.length === 0) return Promise.resolve({ status: 'healthy' })
        const detail = { ...(broken.length > 0 && { broken }), ...(unchecked.length > 0 && { unchecked }) }
        return Promise.resolve({ status: 'degraded', detail })
      },
    },
  }
}

/** Runs a check in one snapshot of the database, with a longer timeout than the statements of requests. */
const checkInSnapshot = (db: Db, check: Invariant['check']): Promise<string[]> =>
  db.transaction(check, { snapshot: true, timeoutMs: CHECK_TIMEOUT_MS })
