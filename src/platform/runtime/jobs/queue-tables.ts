import { sql, type Queryable } from '../../database/db.ts'

// Direct queries on the tables of the job queue, which uses the time of the database. Only these queries may use now().

/** Returns whether one of these jobs is due. */
export async function hasDueJobs(q: Queryable, names: readonly string[]): Promise<boolean> {
  const found = await q.maybe(sql`select 1 as found from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id
    where j.is_available and j.run_at <= now() and t.identifier = any(${names}) limit 1`)
  return found !== undefined
}

/** Makes these jobs due at once. Returns their number. */
export const makeDue = (q: Queryable, ids: readonly string[]): Promise<number> =>
  q.run(sql`select from graphile_worker.reschedule_jobs(${ids}, run_at := now())`)

/** Returns up to 20 names of waiting jobs that are not in `names`. */
export async function listUnknown(q: Queryable, names: readonly string[]): Promise<string[]> {
  const rows = await q.many<{ identifier: string }>(sql`select identifier from graphile_worker._private_tasks t
    where identifier <> all(${names})
      and exists (select from graphile_worker._private_jobs j where j.task_id = t.id and j.is_available)
    order by identifier limit 20`)
  return rows.map((row) => row.identifier)
}
