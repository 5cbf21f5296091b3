import { sql, type Db, type Queryable } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import type { EnqueueOptions, Job } from './contract.ts'

/** Checks the payload and writes one row. Throws `platform.job-payload` when the job would refuse to run with it. */
export async function insertJob<P>(
  q: Queryable,
  { job, payload, now, options }: { job: Job<P>; payload: P; now: Date; options: EnqueueOptions },
): Promise<void> {
  const text = serialize(job, payload)
  const runAt = options.runAt ?? now
  const maxAttempts = job.maxAttempts ?? 25
  if (options.jobKey === undefined) {
    await q.run(sql`insert into platform.outbox (job, payload, run_at, max_attempts)
      values (${job.name}, ${text}, ${runAt}, ${maxAttempts})`)
    return
  }
  await q.run(sql`insert into platform.outbox (job, payload, run_at, max_attempts, job_key)
    values (${job.name}, ${text}, ${runAt}, ${maxAttempts}, ${options.jobKey})
    on conflict (job_key) where job_key is not null do update set job = excluded.job, payload = excluded.payload,
      run_at = excluded.run_at, max_attempts = excluded.max_attempts`)
}

/** What is checked is what will be read back: dates as text, no undefined. */
function serialize<P>(job: Job<P>, payload: P): string {
  try {
    const text = JSON.stringify(payload)
    job.schema.parse(JSON.parse(text))
    return text
  } catch (error) {
    throw new AppError('platform.job-payload', 500, `Job ${job.name} does not take this payload.`, { cause: error })
  }
}

export interface Moved {
  count: number
  /** Names of the jobs moved. */
  jobs: readonly string[]
}

/**
 * Hands up to `limit` due rows to the job queue, each exactly once however many instances do so at the same time. The job queue's own
 * times are the database's, so a row is handed over only when it is due by our clock, and is due there at once.
 */
export async function moveDue(db: Db, now: Date, limit: number): Promise<Moved> {
  // Most looks find nothing: one cheap statement instead of a transaction.
  const due = await db.maybe(sql`select 1 as due from platform.outbox where run_at <= ${now} limit 1`)
  return due ? moveRows(db, now, limit) : { count: 0, jobs: [] }
}

const moveRows = (db: Db, now: Date, limit: number): Promise<Moved> =>
  db.transaction(async (tx) => {
    // The trigger of the job queue notifies even when nothing is added: hence the case.
    const moved = await tx.one<{ taken: number; added: number; jobs: string[] | null }>(sql`
      with due as (
        select id from platform.outbox where run_at <= ${now} order by run_at, id limit ${limit} for update skip locked
      ), gone as (
        delete from platform.outbox using due where outbox.id = due.id
        returning outbox.id, job, payload, job_key, outbox.max_attempts
      )
      select (select count(*)::int from gone) as taken, (select array_agg(distinct job) from gone) as jobs,
        case when exists (select from gone) then (select count(*)::int from graphile_worker.add_jobs(array(
          select row(job, payload, null, null, max_attempts, job_key, null, null)::graphile_worker.job_spec
          from gone order by id))) else 0 end as added`)
    // A job of the same key that starts while we replace it makes add_jobs leave ours out: then nothing is moved, and tried again.
    if (moved.added !== moved.taken) {
      throw new AppError(
        'platform.outbox-conflict',
        500,
        'The job queue did not take all jobs; they stay in the outbox.',
      )
    }
    return { count: moved.taken, jobs: moved.jobs ?? [] }
  })

/** Counts at most 100,000 rows. */
export async function readOutbox(q: Queryable, now: Date): Promise<{ rows: number; oldestDueAt: Date | undefined }> {
  const row = await q.one<{ rows: number; oldest: Date | null }>(sql`
    select (select count(*)::int from (select from platform.outbox limit 100000) counted) as rows,
      (select min(run_at) from platform.outbox where run_at <= ${now}) as oldest`)
  return { rows: row.rows, oldestDueAt: row.oldest ?? undefined }
}
