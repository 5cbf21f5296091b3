import { Logger, runMigrations } from 'graphile-worker'
import pg from 'pg'

const LOCK = 7_305_003

/**
 * Migrates the schema of the job queue (graphile-worker) and grants the role of the running program the minimum rights there. That role
 * cannot change the schema. Runs as the owner role, after `migrate`.
 */
export async function migrateJobs(connection: pg.ClientConfig): Promise<void> {
  const pool = new pg.Pool({ ...connection, application_name: 'purser migrate', max: 2 })
  // Ignore errors of idle connections: the next statement fails with them.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    await runMigrations({ pgPool: pool, logger: new Logger(() => () => undefined) })
    await client.query(GRANTS)
  } finally {
    // Destroy the connection instead of returning it: the end of its session releases the lock.
    client.release(true)
    await pool.end()
  }
}

/**
 * The job queue's tables have row-level security, so a role that does not own them needs policies in addition to grants. The policies are
 * created only once, because their creation briefly blocks running instances.
 */
const GRANTS = `
grant usage on schema graphile_worker to purser_app;
grant select, insert, update, delete on graphile_worker._private_jobs to purser_app;
grant select, insert, update on graphile_worker._private_job_queues to purser_app;
grant select, insert on graphile_worker._private_tasks to purser_app;
grant select on graphile_worker.migrations to purser_app;
do $$
declare name text;
begin
  foreach name in array array['_private_jobs', '_private_job_queues', '_private_tasks'] loop
    if not exists (
      select from pg_policies where schemaname = 'graphile_worker' and tablename = name and policyname = 'purser_app'
    ) then
      execute format('create policy purser_app on graphile_worker.%I to purser_app using (true) with check (true)', name);
    end if;
  end loop;
end $$;`
