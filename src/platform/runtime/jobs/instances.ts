import { hostname } from 'node:os'
import { monotonicMs, waitMs, type Clock } from '../../base/clock.ts'
import { withDeadline } from '../../base/deadline.ts'
import { sql, type Db } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import type { Claims } from './claims.ts'
import { createLoop } from './loop.ts'

export interface Instances {
  readonly id: string
  /** Sends the first heartbeat and frees the claims and locks of dead instances, then repeats both periodically. Call it before the first claim. */
  start(roles: readonly string[]): Promise<void>
  /** Sends one heartbeat, removes dead instances, and frees their claims. */
  sendHeartbeat(): Promise<void>
  /**
   * Resolves when the last heartbeat is recent, after a new one if need be. Call it before a claim: others free the claims of an instance
   * that was silent, as a frozen one is.
   */
  requireHeartbeat(): Promise<void>
  /** Registers a worker pool of this instance. The pool may lock jobs only after this resolves. */
  addPool(pool: string): Promise<void>
  /** Unregisters a pool that has ended. The next heartbeat releases its locks. */
  removePool(pool: string): void
  /** Removes all other instances, regardless of their heartbeats, and frees their claims and locks. */
  releaseOthers(): Promise<void>
  stop(): Promise<void>
  /** Milliseconds since the last successful heartbeat. Undefined before the first. */
  sinceLastBeatMs(): number | undefined
}

interface Deps {
  db: Db
  /** Writes the heartbeats. Requests do not use its connection, so that a heartbeat never waits for them. */
  heartbeats: Db
  clock: Clock
  log: Log
  claims: Claims
  version: string
  /** Migrations that the code of this program knows. See `listKnown`. */
  migrations: readonly string[]
  /** Checks, after this instance was registered, that the program can run on the schema. It throws when a migration removed what it needs. */
  requireCode(): Promise<void>
  /** Called after each periodic heartbeat, to update metrics. */
  updateMetrics(): Promise<void>
}

const HEARTBEAT_MS = 2_000
/** An instance that was silent for this long is dead. Measured by the clock of the database, because the instances' clocks differ. */
export const DEAD_AFTER_SECONDS = 10
/** The job queue has no index on its locks, so they are read when an instance died, and once a minute. */
const HEARTBEATS_PER_UNLOCK = 30
const WRITE_LIMIT_MS = 20_000
/** Age of a heartbeat that makes a claim wait for the next one. Others free the claims after twice this time. */
const STALE_MS = 5_000

export function createInstances(deps: Deps): Instances {
  const { db, log, claims, updateMetrics } = deps
  const id = claims.holder
  const pools = new Set<string>()
  const row = createRow(deps, pools)
  const pulse = createPulse()
  const stopped = new AbortController()
  let heartbeats = 0
  let renewing: Promise<void> | undefined

  const sendHeartbeat = async (): Promise<void> => {
    await row.write()
    const dead = pulse.beat() ? await removeDead(db, id) : []
    if (dead.length > 0) log.warn({ instances: dead }, 'instances without a recent heartbeat were removed')
    const lost = await claims.giveBackLost()
    if (lost > 0) log.warn({ rows: lost }, 'claims whose answers were lost were given back')
    await claims.flush()
    // With each heartbeat, not only after a death: the instance that noticed the death may have died too.
    await freeClaims(claims, log)
    if (dead.length > 0 || heartbeats++ % HEARTBEATS_PER_UNLOCK === 0) await unlockStaleJobs(db, log)
  }

  const step = async (): Promise<boolean> => {
    await sendHeartbeat()
    await updateMetrics()
    return false
  }
  const loop = createLoop({ name: 'heartbeat', everyMs: HEARTBEAT_MS, log, step })

  return {
    id,
    sendHeartbeat,
    start: async (givenRoles) => {
      row.setRoles(givenRoles)
      await sendHeartbeat()
      loop.start()
    },
    requireHeartbeat: async () => {
      if ((row.sinceLastBeatMs() ?? 0) < STALE_MS) return
      await (renewing ??= row.write().finally(() => (renewing = undefined)))
    },
    addPool: async (pool) => {
      pools.add(pool)
      while (!stopped.signal.aborted) {
        try {
          return await row.write()
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
      await freeClaims(claims, log)
      await unlockStaleJobs(db, log)
    },
    stop: async () => {
      stopped.abort()
      await loop.stop()
      if (!(await row.remove())) return
      // Rows that were claimed and not handled are due for others at once.
      await claims.flush()
      await claims.freeDead()
    },
    sinceLastBeatMs: row.sinceLastBeatMs,
  }
}

/** The row of this instance in `platform.instances`. */
interface Row {
  setRoles(roles: readonly string[]): void
  /** Writes the row with the present time. Writes never overlap. */
  write(): Promise<void>
  /** Deletes the row. Returns false when it was never written. */
  remove(): Promise<boolean>
  sinceLastBeatMs(): number | undefined
}

function createRow(
  { heartbeats, clock, claims, version, migrations, requireCode }: Deps,
  pools: ReadonlySet<string>,
): Row {
  const id = claims.holder
  const startedAt = clock.now()
  let roles: readonly string[] = []
  let registered = false
  let checked = false
  let lastBeatMs: number | undefined

  const writeNow = async (): Promise<void> => {
    const { fresh } = await heartbeats.one<{ fresh: boolean }>(sql`
      insert into platform.instances (id, roles, host, pid, version, pools, started_at, beat_at, migrations)
      values (${id}, ${roles}, ${hostname()}, ${process.pid}, ${version}, ${[...pools]}, ${startedAt}, clock_timestamp(), ${migrations})
      on conflict (id) do update set roles = excluded.roles, pools = excluded.pools, beat_at = clock_timestamp()
      returning xmax = 0 as fresh`)
    registered = true
    // The row was removed when this process was silent for long. The schema may have changed meanwhile.
    if (fresh) checked = false
    if (!checked) await requireCode()
    checked = true
    lastBeatMs = monotonicMs()
  }
  // Serialise the writes: a heartbeat that overtook the registration of a pool would unregister it and release its jobs. Each has a
  // deadline, so that one that hangs does not hold up the others.
  let written = Promise.resolve()
  const writeNext = (): Promise<void> => withDeadline({ name: 'The heartbeat', limitMs: WRITE_LIMIT_MS }, writeNow)
  return {
    setRoles: (given) => void (roles = given),
    write: () => (written = written.then(writeNext, writeNext)),
    remove: async () => {
      if (registered) await heartbeats.run(sql`delete from platform.instances where id = ${id}`)
      return registered
    },
    sinceLastBeatMs: () => (lastBeatMs === undefined ? undefined : Math.round(monotonicMs() - lastBeatMs)),
  }
}

/** Interval between heartbeats after which they count as interrupted. */
const INTERRUPTED_MS = 2.5 * HEARTBEAT_MS

/**
 * Tracks whether this instance may judge others by their silence. After an outage of the database every heartbeat is old, and the first
 * instance back, or the first that starts, must not remove the others. `beat` returns true while heartbeats follow each other without an
 * interruption for as long as an instance may be silent.
 */
function createPulse(): { beat(): boolean } {
  let lastMs: number | undefined
  let steadySinceMs = 0
  return {
    beat: () => {
      const now = monotonicMs()
      if (lastMs === undefined || now - lastMs > INTERRUPTED_MS) steadySinceMs = now
      lastMs = now
      return now - steadySinceMs >= DEAD_AFTER_SECONDS * 1_000
    },
  }
}

async function removeDead(db: Db, id: string): Promise<string[]> {
  const isDead = sql`beat_at < clock_timestamp() - ${DEAD_AFTER_SECONDS} * interval '1 second' and id <> ${id}`
  const silent = await db.many<{ id: string }>(sql`select id from platform.instances where ${isDead} limit 1000`)
  if (silent.length === 0) return []
  const dead = await db.many<{ id: string }>(sql`delete from platform.instances where id in (
    select id from platform.instances where ${isDead} limit 1000 for update skip locked) returning id`)
  return dead.map((row) => row.id)
}

async function freeClaims(claims: Claims, log: Log): Promise<void> {
  for (const [table, rows] of await claims.freeDead()) log.warn({ table, rows }, 'claims of dead instances were freed')
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
