import { Logger, runMigrations } from 'graphile-worker'
import pg from 'pg'

const LOCK = 7_305_003

/**
 * Brings the job queue's own schema up to date and gives the running program's role what it needs there and no more: it cannot change
 * the schema. Runs as the role that migrates, after `migrate`.
 */
export async function migrateJobs(connection: pg.ClientConfig): Promise<void> {
  const pool = new pg.Pool({ ...connection, application_name: 'purser migrate', max: 2 })
  // A connection that breaks while it is idle: the next statement says so.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    await runMigrations({ pgPool: pool, logger: new Logger(() => () => undefined) })
    await client.query(GRANTS)
  } finally {
    // Destroyed, not returned: the lock goes with its session.
    client.release(true)
    await pool.end()
  }
}

/**
 * Row security is on in the job queue's tables, so a role that does not own them needs a policy beside the grant. The policies are
 * made only once: making them locks out running instances for a moment.
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
