import { sql, type Db, type Queryable } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import type { EnqueueOptions, Job } from './contract.ts'

/** Validates the payload and inserts one outbox row. Throws `platform.job-payload` when it does not match the job's schema. */
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

/** Serialises the payload and validates the parsed text, which is what the job will receive: dates as text, no undefined. */
function serialize<P>(job: Job<P>, payload: P): string {
  try {
    const text = JSON.stringify(payload)
    job.schema.parse(JSON.parse(text))
    return text
  } catch (error) {
    throw new AppError('platform.job-payload', 500, `The payload does not match the schema of job ${job.name}.`, {
      cause: error,
    })
  }
}

export interface MovedJobs {
  count: number
  /** Names of the moved jobs. */
  jobs: readonly string[]
}

/**
 * Moves up to `limit` due rows to the job queue. Concurrent instances move each row exactly once. The job queue uses the time of the
 * database, so a row moves only when it is due by Purser's clock and is then due there at once.
 */
export async function moveDue(db: Db, now: Date, limit: number): Promise<MovedJobs> {
  // Most polls find no row, so check with one cheap statement before opening a transaction.
  const due = await db.maybe(sql`select 1 as due from platform.outbox where run_at <= ${now} limit 1`)
  return due ? moveRows(db, now, limit) : { count: 0, jobs: [] }
}

const moveRows = (db: Db, now: Date, limit: number): Promise<MovedJobs> =>
  db.transaction(async (tx) => {
    // The case avoids an empty add_jobs call: the trigger of the job queue notifies even when no job is added.
    const moved = await tx.one<{ taken: number; added: number; jobs: string[] | null }>(sql`
      with due as (
        select id from platform.outbox where run_at <= ${now} order by run_at, id limit ${limit} for update skip locked
      ), removed as (
        delete from platform.outbox using due where outbox.id = due.id
        returning outbox.id, job, payload, job_key, outbox.max_attempts
      )
      select (select count(*)::int from removed) as taken, (select array_agg(distinct job) from removed) as jobs,
        case when exists (select from removed) then (select count(*)::int from graphile_worker.add_jobs(array(
          select row(job, payload, null, null, max_attempts, job_key, null, null)::graphile_worker.job_spec
          from removed order by id))) else 0 end as added`)
    // If a job with the same key starts while it is being replaced, add_jobs omits the new one. Roll back, so that the relay retries.
    if (moved.added !== moved.taken) {
      throw new AppError(
        'platform.outbox-conflict',
        500,
        'The job queue did not accept all jobs. They stay in the outbox.',
      )
    }
    return { count: moved.taken, jobs: moved.jobs ?? [] }
  })

/** Returns the number of outbox rows (at most 10,000) and the due time of the oldest due row. */
export async function readOutbox(q: Queryable, now: Date): Promise<{ rows: number; oldestDueAt: Date | undefined }> {
  const row = await q.one<{ rows: number; oldest: Date | null }>(sql`
    select (select count(*)::int from (select from platform.outbox limit 10000) counted) as rows,
      (select min(run_at) from platform.outbox where run_at <= ${now}) as oldest`)
  return { rows: row.rows, oldestDueAt: row.oldest ?? undefined }
}
