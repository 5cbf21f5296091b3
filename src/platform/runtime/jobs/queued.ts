import { sql, type Queryable } from '../../database/db.ts'

// What we ask the job queue's tables beyond the library. Its times are the database's, so here, and only here, now() is right.

/** Whether one of these jobs could run now. */
export async function hasDueJobs(q: Queryable, names: readonly string[]): Promise<boolean> {
  const found = await q.maybe(sql`select 1 as found from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id
    where j.is_available and j.run_at <= now() and t.identifier = any(${names}) limit 1`)
  return found !== undefined
}

/** These jobs are due at once. */
export const makeDue = (q: Queryable, ids: readonly string[]): Promise<number> =>
  q.run(sql`select from graphile_worker.reschedule_jobs(${ids}, run_at := now())`)

/** Names of waiting jobs that are not among these, twenty at most. */
export async function listUnknown(q: Queryable, names: readonly string[]): Promise<string[]> {
  const rows = await q.many<{ identifier: string }>(sql`select identifier from graphile_worker._private_tasks t
    where identifier <> all(${names})
      and exists (select from graphile_worker._private_jobs j where j.task_id = t.id and j.is_available)
    order by identifier limit 20`)
  return rows.map((row) => row.identifier)
}
