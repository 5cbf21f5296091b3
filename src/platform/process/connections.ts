import type { PlatformConfig } from '../environment/config.ts'
import { sql, type Queryable } from '../database/db.ts'
import type { Pooler } from '../database/pooler.ts'
import { WORKER_CONNECTIONS } from '../runtime/jobs.ts'

/** Database connections of one instance, by part. */
export interface ConnectionSum {
  /** Pool of the program. */
  readonly pool: number
  /** Heartbeat, which does not wait for the pool. */
  readonly heartbeat: number
  /** Reads back the end of transactions whose COMMIT got no answer. */
  readonly readBack: number
  /** Job queue of a worker. */
  readonly jobs: number
  /** Owner lock of the embedded database. */
  readonly locks: number
  /** Background migrations of a worker: the owner's pool and the session. */
  readonly background: number
  /** Migrations. They are open at a start only, before the others. */
  readonly migrations: number
  /** Connections that one instance keeps. */
  readonly total: number
}

/** Connections of a start: the owner's pool, the session of the migrations, and the migrations of the job queue. */
export const OWNER_POOL = 2
const MIGRATIONS = OWNER_POOL + 1
const BACKGROUND = 2
const READ_BACK = 1
const HEARTBEAT = 1

type Settings = Pick<PlatformConfig, 'databaseUrl' | 'databasePoolMax' | 'instanceType'>

/** Returns the most connections that an instance with these settings opens. */
export function sumConnections({ databaseUrl, databasePoolMax: pool, instanceType }: Settings): ConnectionSum {
  const isWorker = instanceType !== 'web'
  const parts = {
    pool,
    heartbeat: HEARTBEAT,
    readBack: READ_BACK,
    jobs: isWorker ? WORKER_CONNECTIONS : 0,
    background: isWorker ? BACKGROUND : 0,
    locks: databaseUrl ? 0 : 1,
  }
  const running = Object.values(parts).reduce((sum, part) => sum + part, 0)
  return { ...parts, migrations: MIGRATIONS, total: Math.max(running, MIGRATIONS + parts.locks) }
}

/** Returns the connections that some instances need. While they run, another one may start and migrate. */
export const sumInstances = ({ total, migrations }: ConnectionSum, instances: number): number =>
  instances * total + migrations

interface Limit {
  readonly name: string
  readonly connections: number
}

/** Reads the limits of server, database and role. A limit below zero means none. */
async function readLimits(q: Queryable, user: string): Promise<Limit[]> {
  const row = await q.one<{ server: number; database: number; role: number }>(sql`
    select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int as server,
      (select datconnlimit from pg_database where datname = current_database()) as database,
      coalesce((select rolconnlimit from pg_roles where rolname = ${user}), -1) as role`)
  return [
    { name: 'max_connections without the reserved ones', connections: row.server },
    { name: 'the limit of the database', connections: row.database },
    { name: `the limit of the role ${user}`, connections: row.role },
  ].filter(({ connections }) => connections >= 0)
}

/**
 * Returns one warning per limit of the server that is lower than the connections of one instance. Behind a pooler the connections of the
 * pool and of reading back are the pooler's, so they do not count.
 */
export async function checkLimits(
  q: Queryable,
  { sum, user, pooler }: { sum: ConnectionSum; user: string; pooler: Pooler },
): Promise<string[]> {
  const needed =
    (pooler.mode === 'none' ? sum.total : sum.total - sum.pool - sum.heartbeat - sum.readBack) + sum.migrations
  const limits = await readLimits(q, user)
  return limits
    .filter(({ connections }) => connections < needed)
    .map(
      ({ name, connections }) =>
        `One instance needs ${needed} database connections, but ${name} allows ${connections}. Raise the limit, or lower DATABASE_POOL_MAX.`,
    )
}
