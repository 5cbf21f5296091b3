import { hostname } from 'node:os'
import { addMs, waitMs, type Clock } from '../../base/clock.ts'
import { sql, type Db } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import { createLoop } from './loop.ts'

export interface Instances {
  readonly id: string
  /** Writes the first beat and frees what dead instances held; then both go on by themselves. */
  start(roles: readonly string[]): Promise<void>
  /** One beat, and the dead are swept. */
  beat(): Promise<void>
  /** Resolves once the database knows that this pool is ours: only then may it lock jobs. */
  addPool(pool: string): Promise<void>
  /** What a pool that ended still has locked is free. */
  dropPool(pool: string): void
  /** Every other instance is dead, whatever its beats say. */
  adopt(): Promise<void>
  stop(): Promise<void>
}

interface Deps {
  db: Db
  clock: Clock
  log: Log
  id: string
  version: string
  /** Called with each beat. */
  sample(): Promise<void>
}

const BEAT_MS = 5_000
const SILENT_MS = 30_000
/** Locks are looked through when somebody died, and each minute in case who saw it died too. */
const BEATS_PER_LOOK = 12

export function createInstances({ db, clock, log, id, version, sample }: Deps): Instances {
  const pools = new Set<string>()
  const startedAt = clock.now()
  let roles: readonly string[] = []
  let beats = 0
  let present = false
  const stopped = new AbortController()

  const writeNow = async (): Promise<void> => {
    await db.run(sql`insert into platform.instances (id, roles, host, pid, version, pools, started_at, beat_at)
      values (${id}, ${roles}, ${hostname()}, ${process.pid}, ${version}, ${[...pools]}, ${startedAt}, ${clock.now()})
      on conflict (id) do update set roles = excluded.roles, pools = excluded.pools, beat_at = excluded.beat_at`)
    present = true
  }
  // One after another: a beat that overtook the registration of a pool would make that pool unknown again, and its jobs free.
  let written = Promise.resolve()
  const write = (): Promise<void> => (written = written.then(writeNow, writeNow))

  const beat = async (): Promise<void> => {
    await write()
    const dead = await db.many<{ id: string }>(sql`
      delete from platform.instances where beat_at < ${addMs(clock.now(), -SILENT_MS)} and id <> ${id} returning id`)
    if (dead.length > 0) log.warn({ instances: dead.map((row) => row.id) }, 'instances are silent')
    if (dead.length > 0 || beats++ % BEATS_PER_LOOK === 0) await unlock(db, log)
  }

  const loop = createLoop({
    name: 'beat',
    everyMs: BEAT_MS,
    log,
    step: async () => {
      await beat()
      await sample()
      return false
    },
  })

  return {
    id,
    beat,
    start: async (ownRoles) => {
      roles = ownRoles
      await beat()
      loop.start()
    },
    addPool: async (pool) => {
      pools.add(pool)
      while (!stopped.signal.aborted) {
        try {
          return await write()
        } catch (err) {
          log.error({ err }, 'cannot register the worker, will try again')
          await waitMs(1_000, stopped.signal)
        }
      }
    },
    dropPool: (pool) => {
      pools.delete(pool)
      beats = 0
      loop.wake()
    },
    adopt: async () => {
      await db.run(sql`delete from platform.instances where id <> ${id}`)
      await unlock(db, log)
    },
    stop: async () => {
      stopped.abort()
      await loop.stop()
      if (present) await db.run(sql`delete from platform.instances where id = ${id}`)
    },
  }
}

/**
 * Frees the jobs that no known pool has locked. A pool is known before it locks its first job, and one statement sees one moment, so
 * whatever is locked by a pool that is not there belongs to the dead.
 */
async function unlock(db: Db, log: Log): Promise<void> {
  const held = await db.many<{ pool: string; jobs: number }>(sql`
    select locked_by as pool, count(*)::int as jobs from graphile_worker._private_jobs
    where locked_by is not null and locked_by not in (select unnest(pools) from platform.instances)
    group by locked_by order by locked_by limit 1000`)
  if (held.length === 0) return
  await db.run(sql`select graphile_worker.force_unlock_workers(${held.map((row) => row.pool)})`)
  log.warn({ jobs: held.reduce((sum, row) => sum + row.jobs, 0) }, 'jobs of dead workers are free again')
}
