import { Logger, runMigrations } from 'graphile-worker'
import type pg from 'pg'
import { applyGrants, quoteName } from '../../database/grants.ts'
import { openDb, rawSql, sql, type Queryable, type Session } from '../../database/db.ts'
import { openConnections } from '../../database/pool.ts'
import { NO_POOLER } from '../../database/pooler.ts'
import { GRACE_MS } from '../../database/statements.ts'
import {
  pollLock,
  retryLocks,
  setLockTimeout,
  waiterOf,
  type LockOptions,
  type Schema,
} from '../../database/migrate.ts'

const LOCK = 7_305_003
const jobsSchema: Schema = { name: 'graphile_worker', folder: new URL('./', import.meta.url) }

export interface MigrateJobsOptions extends LockOptions {
  /** Role that the connections must have. Default: any. */
  readonly expectedUser?: string
}

/**
 * Migrates the schema of the job queue (graphile-worker) and grants the role of the running program the minimum rights there. That role
 * cannot change the schema. Without a role the program runs as the owner, who needs no rights. Runs as the owner role, after `migrate`,
 * and waits for locks as it does.
 */
export async function migrateJobs(
  connection: pg.ClientConfig,
  role: string | undefined,
  options: MigrateJobsOptions = {},
): Promise<void> {
  const { expectedUser } = options
  const db = openDb({
    connection,
    ...(expectedUser !== undefined && { expectedUser }),
    max: 2,
    applicationName: 'purser migrate',
  })
  const session = await db.openSession(options)
  try {
    await pollLock(session, LOCK, options)
    await runQueueMigrations(connection, db, options)
    if (role === undefined) return
    await applyGrants(db, [jobsSchema], role)
    await retryLocks(waiterOf(db, session), { ...options, name: 'The rights on the job queue' }, () =>
      admitRole(session, role, options),
    )
  } finally {
    await session.close()
    await db.close()
  }
}

const LOCK_TIMEOUT_MS = 3_000
const STATEMENT_LIMIT_MS = 30_000
const CONNECT_LIMIT_MS = 10_000
const IDLE_MS = 10_000

/** Runs the migrations of the library. One that gets no lock is repeated: each is one transaction. */
async function runQueueMigrations(
  connection: pg.ClientConfig,
  observer: Queryable,
  options: MigrateJobsOptions,
): Promise<void> {
  const { lockTimeoutMs = LOCK_TIMEOUT_MS, expectedUser } = options
  let pid: number | undefined
  const { pool, close } = openConnections({
    // The library sets no limits of its own.
    connection: { ...connection, application_name: 'purser migrate', query_timeout: STATEMENT_LIMIT_MS + GRACE_MS },
    ...{ max: 1, min: 0, idleMs: IDLE_MS, connectTimeoutMs: CONNECT_LIMIT_MS, statementTimeoutMs: STATEMENT_LIMIT_MS },
    ...{ expectedUser, pooler: NO_POOLER, onError: () => undefined },
    prepare: async (client) => {
      await client.query(`set lock_timeout = ${lockTimeoutMs}`)
      pid = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
    },
  })
  try {
    await retryLocks({ observer, pid: () => pid }, { ...options, name: 'The migration of the job queue' }, () =>
      runMigrations({ pgPool: pool, logger: new Logger(() => () => undefined) }),
    )
  } finally {
    await close()
  }
}

const TABLES = ['_private_jobs', '_private_job_queues', '_private_tasks']

/**
 * Admits the role to the job queue's tables. They have row-level security, so a role that does not own them needs policies in addition to
 * grants. A policy is written only when it is missing, because its creation briefly blocks running instances.
 */
async function admitRole(session: Session, role: string, options: LockOptions): Promise<void> {
  const admitted = await session.many<{ name: string }>(sql`
    select tablename as name from pg_policies
    where schemaname = 'graphile_worker' and policyname = 'purser' and roles = array[${role}]::name[] limit 10`)
  const missing = TABLES.filter((table) => !admitted.some(({ name }) => name === table))
  if (missing.length === 0) return
  const statements = missing.map(
    (table) => `drop policy if exists purser on graphile_worker.${table};
      create policy purser on graphile_worker.${table} to ${quoteName(role)} using (true) with check (true);`,
  )
  await setLockTimeout(session, 'session', options)
  // One query is one transaction.
  await session.run(rawSql(statements.join('\n')))
}
