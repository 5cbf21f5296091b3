import { type Queryable, sql, type Tx } from '#platform/database/db'

/** All SQL on payments.watches. */

const SWEEP = ':sweep'
/** Returns the name of a rail's sweep row. The sweep over all addresses has a row beside that of the poll. */
export const sweepRowName = (rail: string): string => rail + SWEEP
export const isSweep = (row: string): boolean => row.endsWith(SWEEP)
export const railOfWatch = (row: string): string => row.replace(SWEEP, '')

export interface WatchRow {
  rail: string
  cursor: string | null
  /** Number of claims. Only the holder of the last claim may store. */
  claims: number
  /** Time at which a poll last reached the end of the chain. */
  caughtUpAt: Date | null
}

const COLUMNS = sql`rail, cursor, claims, caught_up_at as "caughtUpAt"`

/** Claims a due poll until `leaseEnd`; undefined when none is due or another process holds it. */
export const claimWatch = (q: Queryable, rail: string, now: Date, leaseEnd: Date): Promise<WatchRow | undefined> =>
  q.maybe(sql`update payments.watches set leased_until = ${leaseEnd}, due_at = ${leaseEnd}, claims = claims + 1
    where rail = ${rail} and due_at <= ${now} and (leased_until is null or leased_until <= ${now}) returning ${COLUMNS}`)

export async function ensureWatchRow(q: Queryable, rail: string, now: Date): Promise<void> {
  await q.run(sql`insert into payments.watches (rail, due_at) values (${rail}, ${now}) on conflict do nothing`)
}

/** Makes a poll due now. During a poll, another one follows. */
export async function wakeWatch(q: Queryable, rail: string, now: Date): Promise<void> {
  await q.run(sql`update payments.watches set due_at = ${now} where rail = ${rail} and due_at > ${now}`)
}

/** Releases the claim of a dead process. Returns the number of rows. */
export const releaseWatchClaims = (q: Queryable, rail: string, now: Date): Promise<number> =>
  q.run(
    sql`update payments.watches set leased_until = null, due_at = ${now} where rail = ${rail} and leased_until is not null`,
  )

/**
 * Stores the result of a poll. Returns false when another process has claimed the row; then nothing of this poll may be
 * stored.
 */
export async function storePollResult(
  tx: Tx,
  { rail, claims }: Pick<WatchRow, 'rail' | 'claims'>,
  { cursor, caughtUpAt, dueAt }: { cursor: string; caughtUpAt: Date | null; dueAt: Date },
): Promise<boolean> {
  const written =
    await tx.run(sql`update payments.watches set cursor = ${cursor}, caught_up_at = ${caughtUpAt}, due_at = case when due_at < leased_until then least(due_at, ${dueAt}) else ${dueAt} end,
    leased_until = null, failing_since = null, problem = null where rail = ${rail} and claims = ${claims}`)
  return written === 1
}

/**
 * Records a failed poll and keeps the cursor. @returns since when polls fail; undefined when another process has
 * claimed the row
 */
export async function storePollFailure(
  q: Queryable,
  { rail, claims }: Pick<WatchRow, 'rail' | 'claims'>,
  { problem, now, dueAt }: { problem: string; now: Date; dueAt: Date },
): Promise<Date | undefined> {
  const row = await q.maybe<{
    since: Date
  }>(sql`update payments.watches set problem = ${problem}, leased_until = null, due_at = ${dueAt},
    failing_since = coalesce(failing_since, ${now}) where rail = ${rail} and claims = ${claims} returning failing_since as since`)
  return row?.since
}

/**
 * Resets the cursor, so that polls restart about one day ago. Older deposits that were not found are skipped. Returns
 * false when there is no such row.
 */
export async function resetWatchCursor(tx: Tx, rail: string, now: Date): Promise<boolean> {
  const written =
    await tx.run(sql`update payments.watches set cursor = null, claims = claims + 1, leased_until = null, due_at = ${now},
    failing_since = null, problem = null where rail = ${rail}`)
  return written === 1
}

export interface WatchState {
  rail: string
  dueAt: Date
  failingSince: Date | null
  problem: string | null
}

export const listWatchStates = (q: Queryable): Promise<WatchState[]> =>
  q.many(
    sql`select rail, due_at as "dueAt", failing_since as "failingSince", problem from payments.watches order by rail limit 100`,
  )
