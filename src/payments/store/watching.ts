import { type Queryable, sql, type Tx } from '#platform/database/db'
import type { ClaimTable } from '#platform/runtime/jobs'

/** All SQL on payments.watches. */

const SWEEP = ':sweep'
/** Returns the name of a rail's sweep row. The sweep over all addresses has a row beside that of the poll. */
export const sweepRowName = (rail: string): string => rail + SWEEP
export const isSweep = (row: string): boolean => row.endsWith(SWEEP)
export const railOfWatch = (row: string): string => row.replace(SWEEP, '')

export interface WatchRow {
  rail: string
  cursor: string | null
  /** Number of the claim. Only the holder of the last one may store. */
  claim: bigint
  /** Time at which a poll last reached the end of the chain. */
  caughtUpAt: Date | null
}

export const WATCHES: ClaimTable<WatchRow> = { table: 'payments.watches', keyOf: ({ rail }) => ({ rail }) }

const COLUMNS = sql`rail, cursor, claim, caught_up_at as "caughtUpAt"`

/** Claims a due poll; undefined when none is due or another process holds it. */
export const claimWatch = (q: Queryable, rail: string, now: Date, holder: string): Promise<WatchRow | undefined> =>
  q.maybe(sql`update payments.watches set claimed_by = ${holder}, claim = claim + 1, woken = false
    where rail = ${rail} and due_at <= ${now} and claimed_by is null returning ${COLUMNS}`)

export async function ensureWatchRow(q: Queryable, rail: string, now: Date): Promise<void> {
  await q.run(sql`insert into payments.watches (rail, due_at) values (${rail}, ${now}) on conflict do nothing`)
}

/** Makes a poll due now. During a poll, another one follows. */
export async function wakeWatch(q: Queryable, rail: string, now: Date): Promise<void> {
  await q.run(sql`update payments.watches set due_at = least(due_at, ${now}), woken = true
    where rail = ${rail} and (due_at > ${now} or claimed_by is not null)`)
}

/**
 * Stores the result of a poll. Returns false when another process has claimed the row; then nothing of this poll may be
 * stored.
 */
export async function storePollResult(
  tx: Tx,
  { rail, claim }: Pick<WatchRow, 'rail' | 'claim'>,
  { cursor, caughtUpAt, dueAt }: { cursor: string; caughtUpAt: Date | null; dueAt: Date },
): Promise<boolean> {
  const written =
    await tx.run(sql`update payments.watches set cursor = ${cursor}, caught_up_at = ${caughtUpAt}, due_at = case when woken then least(due_at, ${dueAt}) else ${dueAt} end,
    claimed_by = null, failing_since = null, problem = null where rail = ${rail} and claim = ${claim}`)
  return written === 1
}

/**
 * Records a failed poll and keeps the cursor. @returns since when polls fail; undefined when another process has
 * claimed the row
 */
export async function storePollFailure(
  q: Queryable,
  { rail, claim }: Pick<WatchRow, 'rail' | 'claim'>,
  { problem, now, dueAt }: { problem: string; now: Date; dueAt: Date },
): Promise<Date | undefined> {
  const row = await q.maybe<{
    since: Date
  }>(sql`update payments.watches set problem = ${problem}, claimed_by = null, due_at = ${dueAt},
    failing_since = coalesce(failing_since, ${now}) where rail = ${rail} and claim = ${claim} returning failing_since as since`)
  return row?.since
}

/**
 * Resets the cursor, so that polls restart about one day ago. Older deposits that were not found are skipped. Returns
 * false when there is no such row.
 */
export async function resetWatchCursor(tx: Tx, rail: string, now: Date): Promise<boolean> {
  const written =
    await tx.run(sql`update payments.watches set cursor = null, claim = claim + 1, claimed_by = null, due_at = ${now},
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
