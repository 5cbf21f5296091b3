import { addMs, type Clock } from '../base/clock.ts'
import { rawSql, sql, type Db } from '../database/db.ts'
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

const EVERY_MS = 10 * 60_000
/** Each look is at all there is, so it takes longer as the books grow, and comes less often: at most this part of the time is spent looking. */
const SHARE = 50
const LONGEST_MS = 5 * 60_000
/** Another instance may have looked since, and found it mended. */
const KEPT_MS = 2 * EVERY_MS
const SHOWN = 5

interface Look {
  readonly found: 'holds' | 'broken' | 'unchecked'
  readonly nextAt: Date
}

/**
 * Looks every ten minutes, of large books less often, whether what must hold does. What is broken, and what could not be looked at, is logged,
 * counted and degrades the health.
 */
export function watchInvariants(deps: InvariantsDeps): { readonly cron: Cron; readonly health: HealthCheck } {
  const { db, clock, metrics, invariants } = deps
  const gauge = metrics.gauge('purser_invariants_broken', 'Sentences on what must not be, 0 when it holds', [
    'invariant',
  ])
  const looks = new Map<string, Look>()

  async function look({ name, check }: Invariant, log: Log): Promise<Look['found']> {
    try {
      const problems = await atLeisure(db, check)
      gauge.set({ invariant: name }, problems.length)
      if (problems.length === 0) return 'holds'
      log.error({ invariant: name, problems: problems.slice(0, SHOWN) }, 'an invariant is broken: see npx purser check')
      return 'broken'
    } catch (error) {
      const why = describeError(error)
      log.error(
        { invariant: name, why },
        'an invariant could not be checked: npx purser check takes as long as it needs',
      )
      return 'unchecked'
    }
  }

  const listed = (found: Look['found']): string[] => {
    const oldest = addMs(clock.now(), -KEPT_MS)
    return [...looks].flatMap(([name, one]) => (one.found === found && one.nextAt >= oldest ? [name] : []))
  }
  return {
    cron: {
      name: 'platform.invariants',
      everyMs: EVERY_MS,
      run: async ({ log, signal }) => {
        // One after the other: payments go first.
        for (const invariant of invariants) {
          if (signal.aborted) return
          const begun = clock.now()
          const { nextAt } = looks.get(invariant.name) ?? {}
          if (nextAt && nextAt > begun) continue
          const found = await look(invariant, log)
          const tookMs = clock.now().getTime() - begun.getTime()
          looks.set(invariant.name, { found, nextAt: addMs(begun, Math.max(EVERY_MS, tookMs * SHARE)) })
        }
      },
    },
    health: {
      name: 'invariants',
      critical: false,
      check: () => {
        const [broken, unchecked] = [listed('broken'), listed('unchecked')]
        if (broken.length + unchecked.length === 0) return Promise.resolve({ status: 'healthy' })
        const detail = { ...(broken.length > 0 && { broken }), ...(unchecked.length > 0 && { unchecked }) }
        return Promise.resolve({ status: 'degraded', detail })
      },
    },
  }
}

/** In one state of the database, with more time than what somebody waits for gets. */
const atLeisure = (db: Db, check: Invariant['check']): Promise<string[]> =>
  db.transaction(async (tx) => {
    await tx.run(sql`set transaction isolation level repeatable read, read only`)
    await tx.run(rawSql(`set local statement_timeout = ${LONGEST_MS}`))
    return check(tx)
  })
