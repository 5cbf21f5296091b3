import { Logger, runMigrations } from 'graphile-worker'
import pg from 'pg'
import { applyGrants, quoteName } from '../../database/grants.ts'
import { openDb, rawSql, sql, type Db } from '../../database/db.ts'
import type { Schema } from '../../database/migrate.ts'

const LOCK = 7_305_003
const jobsSchema: Schema = { name: 'graphile_worker', folder: new URL('./', import.meta.url) }

/**
 * Migrates the schema of the job queue (graphile-worker) and grants the role of the running program the minimum rights there. That role
 * cannot change the schema. Runs as the owner role, after `migrate`.
 */
export async function migrateJobs(connection: pg.ClientConfig, role: string): Promise<void> {
  const pool = new pg.Pool({ ...connection, application_name: 'purser migrate', max: 2 })
  // Ignore errors of idle connections: the next statement fails with them.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    await runMigrations({ pgPool: pool, logger: new Logger(() => () => undefined) })
    await grantJobs(connection, role)
  } finally {
    // Destroy the connection instead of returning it: the end of its session releases the lock.
    client.release(true)
    await pool.end()
  }
}

async function grantJobs(connection: pg.ClientConfig, role: string): Promise<void> {
  const db = openDb({ connection, max: 1, applicationName: 'purser migrate' })
  try {
    await applyGrants(db, [jobsSchema], role)
    await admitRole(db, role)
  } finally {
    await db.close()
  }
}

const TABLES = ['_private_jobs', '_private_job_queues', '_private_tasks']

/**
 * Admits the role to the job queue's tables. They have row-level security, so a role that does not own them needs policies in addition to
 * grants. A policy is written only when it is missing, because its creation briefly blocks running instances.
 */
async function admitRole(db: Db, role: string): Promise<void> {
  const admitted = await db.many<{ name: string }>(sql`
    select tablename as name from pg_policies
    where schemaname = 'graphile_worker' and policyname = 'purser' and roles = array[${role}]::name[] limit 10`)
  const missing = TABLES.filter((table) => !admitted.some(({ name }) => name === table))
  if (missing.length === 0) return
  const statements = missing.map(
    (table) => `drop policy if exists purser on graphile_worker.${table};
      create policy purser on graphile_worker.${table} to ${quoteName(role)} using (true) with check (true);`,
  )
  await db.transaction((tx) => tx.run(rawSql(statements.join('\n'))))
}
