import { monotonicMs, type Clock } from '../base/clock.ts'
import { withDeadline } from '../base/deadline.ts'
import { AppError, describeError } from '../base/errors.ts'
import { rawSql, type Db, type Queryable, type Sql } from '../database/db.ts'
import type { HealthCheck } from './health.ts'
import { listResults, MAX_SENTENCES, INTERVAL_MS, recordResult } from './invariant-results.ts'
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

/** Limit of one check, which reads from one snapshot. A snapshot keeps PostgreSQL from removing dead rows. */
const CHECK_TIMEOUT_MS = 5 * 60_000
const METRIC_TIMEOUT_MS = 2_000
/** A check that is late by this much degrades the health: no worker checks the books. */
const OVERDUE_MS = 60 * 60_000

/**
 * Checks all invariants every ten minutes, or less often for large books. One instance at a time does so, and stores the results. Every
 * instance reports them: a broken invariant, one that could not be checked and one whose check is overdue degrade the health, and the
 * metric counts the problems.
 */
export function watchInvariants(deps: InvariantsDeps): { readonly cron: Cron; readonly health: HealthCheck } {
  const { db, clock, metrics, invariants } = deps
  const names = invariants.map(({ name }) => name)
  const gauge = metrics.gauge(
    'purser_invariants_broken',
    'Problems found by the last check of an invariant, 0 when it holds',
    ['invariant'],
    async () => {
      const limits = { name: 'Reading the results of the invariants', limitMs: METRIC_TIMEOUT_MS }
      // Without a database the metric keeps its last value.
      const results = await withDeadline(limits, () => listResults(db, names)).catch(() => [])
      for (const { name, problems } of results) gauge.set({ invariant: name }, problems)
    },
  )
  return {
    cron: {
      name: 'platform.invariants',
      everyMs: INTERVAL_MS,
      limitMs: invariants.length * CHECK_TIMEOUT_MS + INTERVAL_MS,
      run: async ({ log, signal }) => {
        const last = new Map((await listResults(db, names)).map((one) => [one.name, one]))
        // Check one after the other, to leave database capacity for payments.
        for (const invariant of invariants) {
          if (signal.aborted) return
          const { nextAt } = last.get(invariant.name) ?? {}
          if (nextAt && nextAt > clock.now()) continue
          const startedAt = clock.now()
          const problems = await runCheck(db, invariant, log)
          await recordResult(db, { name: invariant.name, problems, startedAt, endedAt: clock.now() })
        }
      },
    },
    health: {
      name: 'invariants',
      critical: false,
      check: async () => {
        const results = await listResults(db, names)
        const isOverdue = ({ nextAt }: { nextAt: Date }): boolean =>
          clock.now().getTime() - nextAt.getTime() > OVERDUE_MS
        const detail = {
          broken: results.filter(({ problems }) => problems > 0),
          unchecked: results.filter(({ result }) => result === 'unchecked'),
          overdue: results.filter(isOverdue),
        }
        const found = Object.entries(detail).flatMap(([kind, list]) =>
          list.length > 0 ? [[kind, list.map(({ name }) => name)] as const] : [],
        )
        return found.length === 0 ? { status: 'healthy' } : { status: 'degraded', detail: Object.fromEntries(found) }
      },
    },
  }
}

/** Runs a check and logs a bad result. Returns the problems, or undefined when the check failed. */
async function runCheck(db: Db, { name, check }: Invariant, log: Log): Promise<string[] | undefined> {
  try {
    const problems = await checkInSnapshot(db, check)
    if (problems.length > 0) {
      log.error(
        { invariant: name, problems: problems.slice(0, MAX_SENTENCES) },
        'an invariant is broken: run npx purser check',
      )
    }
    return problems
  } catch (error) {
    const why = describeError(error)
    log.error(
      { invariant: name, why },
      'an invariant could not be checked: run npx purser check, which has no time limit',
    )
    return undefined
  }
}

/** Runs a check in one snapshot of the database, within one limit for all of its statements. */
const checkInSnapshot = (db: Db, check: Invariant['check']): Promise<string[]> =>
  db.transaction((tx) => check(limitTotal(tx, CHECK_TIMEOUT_MS)), { snapshot: true, timeoutMs: CHECK_TIMEOUT_MS })

/** Returns a Queryable whose statements together take at most `limitMs`. */
function limitTotal(q: Queryable, limitMs: number): Queryable {
  const until = monotonicMs() + limitMs
  const limited =
    <T>(run: (statement: Sql) => Promise<T>) =>
    async (statement: Sql): Promise<T> => {
      const leftMs = Math.floor(until - monotonicMs())
      if (leftMs <= 0) throw new AppError('internal', 500, `The check took longer than ${limitMs / 1_000} s`)
      await q.run(rawSql(`set local statement_timeout = ${leftMs}`))
      return run(statement)
    }
  return { many: limited(q.many), one: limited(q.one), maybe: limited(q.maybe), run: limited(q.run) } as Queryable
}
