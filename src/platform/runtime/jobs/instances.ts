import { hostname } from 'node:os'
import { addMs, monotonicMs, waitMs, type Clock } from '../../base/clock.ts'
import { withDeadline } from '../../base/deadline.ts'
import { sql, type Db } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import { createLoop } from './loop.ts'

export interface Instances {
  readonly id: string
  /** Sends the first heartbeat and releases the locks of dead instances, then repeats both periodically. */
  start(roles: readonly string[]): Promise<void>
  /** Sends one heartbeat and removes dead instances. */
  sendHeartbeat(): Promise<void>
  /** Registers a worker pool of this instance. The pool may lock jobs only after this resolves. */
  addPool(pool: string): Promise<void>
  /** Unregisters a pool that has ended. The next heartbeat releases its locks. */
  removePool(pool: string): void
  /** Removes all other instances, regardless of their heartbeats, and releases their locks. */
  releaseOthers(): Promise<void>
  stop(): Promise<void>
  /** Milliseconds since the last successful heartbeat. Undefined before the first. */
  sinceLastBeatMs(): number | undefined
}

interface Deps {
  db: Db
  clock: Clock
  log: Log
  id: string
  version: string
  /** Migrations that the code of this program knows. See `listKnown`. */
  migrations: readonly string[]
  /** Checks, after this instance was registered, that the program can run on the schema. It throws when a migration removed what it needs. */
  requireCode(): Promise<void>
  /** Called after each periodic heartbeat, to update metrics. */
  updateMetrics(): Promise<void>
}

const HEARTBEAT_MS = 5_000
const DEAD_AFTER_MS = 30_000
const WRITE_LIMIT_MS = 20_000
/** Stale locks are released when an instance died, and once a minute in case the instance that noticed a death died too. */
const HEARTBEATS_PER_UNLOCK = 12

export function createInstances({
  db,
  clock,
  log,
  id,
  version,
  migrations,
  requireCode,
  updateMetrics,
}: Deps): Instances {
  const pools = new Set<string>()
  const startedAt = clock.now()
  let roles: readonly string[] = []
  let heartbeats = 0
  let registered = false
  let checked = false
  let lastBeatMs: number | undefined
  const stopped = new AbortController()

  const writeNow = async (): Promise<void> => {
    const { fresh } = await db.one<{ fresh: boolean }>(sql`
      insert into platform.instances (id, roles, host, pid, version, pools, started_at, beat_at, migrations)
      values (${id}, ${roles}, ${hostname()}, ${process.pid}, ${version}, ${[...pools]}, ${startedAt}, ${clock.now()}, ${migrations})
      on conflict (id) do update set roles = excluded.roles, pools = excluded.pools, beat_at = excluded.beat_at
      returning xmax = 0 as fresh`)
    registered = true
    // The row was removed when this process was silent for long. The schema may have changed meanwhile.
    if (fresh) checked = false
    if (!checked) await requireCode()
    checked = true
    lastBeatMs = monotonicMs()
  }
  // Serialise the writes: a heartbeat that overtook the registration of a pool would unregister it and release its jobs.
  let written = Promise.resolve()
  const write = (): Promise<void> => {
    // With a deadline, so that a write that hangs does not hold up all later ones.
    const next = (): Promise<void> => withDeadline({ name: 'The heartbeat', limitMs: WRITE_LIMIT_MS }, writeNow)
    return (written = written.then(next, next))
  }

  const sendHeartbeat = async (): Promise<void> => {
    await write()
    const dead = await db.many<{ id: string }>(sql`
      delete from platform.instances where beat_at < ${addMs(clock.now(), -DEAD_AFTER_MS)} and id <> ${id} returning id`)
    if (dead.length > 0)
      log.warn({ instances: dead.map((row) => row.id) }, 'instances without a recent heartbeat were removed')
    if (dead.length > 0 || heartbeats++ % HEARTBEATS_PER_UNLOCK === 0) await unlockStaleJobs(db, log)
  }

  const loop = createLoop({
    name: 'heartbeat',
    everyMs: HEARTBEAT_MS,
    log,
    step: async () => {
      await sendHeartbeat()
      await updateMetrics()
      return false
    },
  })

  return {
    id,
    sendHeartbeat,
    start: async (givenRoles) => {
      roles = givenRoles
      await sendHeartbeat()
      loop.start()
    },
    addPool: async (pool) => {
      pools.add(pool)
      while (!stopped.signal.aborted) {
        try {
          return await write()
        } catch (err) {
          log.error({ err }, 'the worker could not be registered; retrying')
          await waitMs(1_000, stopped.signal)
        }
      }
    },
    removePool: (pool) => {
      pools.delete(pool)
      heartbeats = 0
      loop.wake()
    },
    releaseOthers: async () => {
      await db.run(sql`delete from platform.instances where id <> ${id}`)
      await unlockStaleJobs(db, log)
    },
    stop: async () => {
      stopped.abort()
      await loop.stop()
      if (registered) await db.run(sql`delete from platform.instances where id = ${id}`)
    },
    sinceLastBeatMs: () => (lastBeatMs === undefined ? undefined : Math.round(monotonicMs() - lastBeatMs)),
  }
}

/**
 * Unlocks the jobs of unregistered pools. A pool is registered before it locks its first job, and one statement reads one snapshot, so an
 * unregistered pool is dead.
 */
async function unlockStaleJobs(db: Db, log: Log): Promise<void> {
  const held = await db.many<{ pool: string; jobs: number }>(sql`
    select locked_by as pool, count(*)::int as jobs from graphile_worker._private_jobs
    where locked_by is not null and locked_by not in (select unnest(pools) from platform.instances)
    group by locked_by order by locked_by limit 1000`)
  if (held.length === 0) return
  await db.run(sql`select graphile_worker.force_unlock_workers(${held.map((row) => row.pool)})`)
  log.warn({ jobs: held.reduce((sum, row) => sum + row.jobs, 0) }, 'jobs of dead workers were unlocked')
}
