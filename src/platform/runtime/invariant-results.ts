import { addMs } from '../base/clock.ts'
import { sql, type Queryable } from '../database/db.ts'

/** Last result of the check of an invariant, by whichever instance or command it ran. */
export interface InvariantResult {
  readonly name: string
  /** `unchecked`: the last check failed. `problems` is then the result of the check before. */
  readonly result: 'holds' | 'broken' | 'unchecked'
  /** Number of problems. */
  readonly problems: number
  readonly checkedAt: Date
  readonly nextAt: Date
}

export interface CheckRun {
  readonly name: string
  /** One sentence per problem. Undefined: the check failed. */
  readonly problems: readonly string[] | undefined
  readonly startedAt: Date
  readonly endedAt: Date
}

/** Least time from check to check of an invariant. */
export const INTERVAL_MS = 10 * 60_000
/** A check reads all data, so it gets slower as the books grow. A check of duration d runs at most every 50 d, so it uses at most 2% of the time. */
const INTERVAL_PER_DURATION = 50
export const MAX_SENTENCES = 5

export const listResults = (q: Queryable, names: readonly string[]): Promise<InvariantResult[]> =>
  q.many(sql`select name, result, problems, checked_at as "checkedAt", next_at as "nextAt"
    from platform.invariant_results where name = any(${names}) order by name limit ${names.length}`)

/** Stores the result of a check, unless a check that started later has stored its own. */
export async function recordResult(q: Queryable, { name, problems, startedAt, endedAt }: CheckRun): Promise<void> {
  const durationMs = endedAt.getTime() - startedAt.getTime()
  const nextAt = addMs(startedAt, Math.max(INTERVAL_MS, durationMs * INTERVAL_PER_DURATION))
  const result = problems === undefined ? 'unchecked' : problems.length > 0 ? 'broken' : 'holds'
  const sentences = problems?.slice(0, MAX_SENTENCES) ?? []
  await q.run(sql`insert into platform.invariant_results as r (name, result, problems, sentences, checked_at, duration_ms, next_at)
    values (${name}, ${result}, ${problems?.length ?? 0}, ${sentences}, ${startedAt}, ${durationMs}, ${nextAt})
    on conflict (name) do update set result = excluded.result, checked_at = excluded.checked_at,
      duration_ms = excluded.duration_ms, next_at = excluded.next_at,
      problems = case when excluded.result = 'unchecked' then r.problems else excluded.problems end,
      sentences = case when excluded.result = 'unchecked' then r.sentences else excluded.sentences end
    where r.checked_at <= excluded.checked_at`)
}
