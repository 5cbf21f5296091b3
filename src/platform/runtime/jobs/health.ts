import type { Clock } from '../../base/clock.ts'
import { sql, type Db } from '../../database/db.ts'
import type { HealthCheck } from '../health.ts'
import { readOutbox } from './outbox.ts'
import { DEAD_AFTER_SECONDS, type Instances } from './instances.ts'
import type { Relay } from './relay.ts'
import type { Worker } from './worker.ts'

interface Deps {
  db: Db
  clock: Clock
  relay: Pick<Relay, 'sinceLastPollMs'>
  instances: Pick<Instances, 'sinceLastBeatMs'>
  worker: Pick<Worker, 'sinceLastFetchMs'>
  /** Returns whether this process runs jobs. */
  runsJobs(): boolean
}

const SILENT_MS = 15_000
const LATE_MS = 60_000

/**
 * Creates the jobs check. Unhealthy: relay, heartbeat or, where this process runs jobs, the worker did nothing for 15 s. Degraded: due
 * jobs wait for more than a minute, or no instance runs jobs.
 */
export const checkJobs = ({ db, clock, relay, instances, worker, runsJobs }: Deps): HealthCheck => ({
  name: 'jobs',
  // A worker without jobs does nothing. A web instance can still serve requests.
  get critical() {
    return runsJobs()
  },
  check: async () => {
    const silent = {
      relaySilentMs: relay.sinceLastPollMs(),
      heartbeatSilentMs: instances.sinceLastBeatMs(),
      ...(runsJobs() && { workerSilentMs: worker.sinceLastFetchMs() }),
    }
    const isSilent = Object.values(silent).some((ms) => ms === undefined || ms > SILENT_MS)
    const now = clock.now()
    const { rows, oldestDueAt } = await readOutbox(db, now)
    const { workers } = await db.one<{ workers: number }>(
      sql`select count(*)::int as workers from platform.instances
        where 'worker' = any(roles) and beat_at > clock_timestamp() - ${DEAD_AFTER_SECONDS} * interval '1 second'`,
    )
    const lateMs = oldestDueAt ? now.getTime() - oldestDueAt.getTime() : 0
    const status = isSilent ? 'unhealthy' : lateMs > LATE_MS || workers === 0 ? 'degraded' : 'healthy'
    return { status, detail: { outboxRows: rows, oldestDueMs: lateMs, workers, ...silent } }
  },
})
