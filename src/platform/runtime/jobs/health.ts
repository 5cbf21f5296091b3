import type { Clock } from '../../base/clock.ts'
import { sql, type Db } from '../../database/db.ts'
import type { HealthCheck } from '../health.ts'
import { readOutbox } from './outbox.ts'
import type { Relay } from './relay.ts'

interface Deps {
  db: Db
  clock: Clock
  relay: Relay
}

const RELAY_SILENT_MS = 10_000
const LATE_MS = 60_000

/** Creates the jobs check. Unhealthy: the relay does not run. Degraded: due jobs wait for more than a minute, or no worker runs. */
export const checkJobs = ({ db, clock, relay }: Deps): HealthCheck => ({
  name: 'jobs',
  // The server can still serve requests while jobs wait.
  critical: false,
  check: async () => {
    const now = clock.now()
    const { rows, oldestDueAt } = await readOutbox(db, now)
    const { workers } = await db.one<{ workers: number }>(
      sql`select count(*)::int as workers from platform.instances where 'worker' = any(roles)`,
    )
    const relaySilentMs = relay.sinceLastPollMs()
    const lateMs = oldestDueAt ? now.getTime() - oldestDueAt.getTime() : 0
    const stuck = relaySilentMs === undefined || relaySilentMs > RELAY_SILENT_MS
    const status = stuck ? 'unhealthy' : lateMs > LATE_MS || workers === 0 ? 'degraded' : 'healthy'
    return { status, detail: { outboxRows: rows, oldestDueMs: lateMs, relaySilentMs, workers } }
  },
})
