import { type Queryable, sql, type Tx } from '#platform/database/db'

/** All SQL on payments.watches. */

const SWEEP = ':sweep'
/** The row of the sweep over all addresses of a rail, beside that of its looks. */
export const sweepRowName = (rail: string): string => rail + SWEEP
export const isSweep = (row: string): boolean => row.endsWith(SWEEP)
export const railOfWatch = (row: string): string => row.replace(SWEEP, '')

export interface WatchRow {
  rail: string
  cursor: string | null
  /** Counts claims: who holds the last one stores. */
  claims: number
  /** When a look last reached the end of what there was. */
  caughtUpAt: Date | null
}

const COLUMNS = sql`rail, cursor, claims, caught_up_at as "caughtUpAt"`

/** The right to look, when a look is due and nobody has it; until `leaseEnd`, or until another takes it after that. */
export const claimWatch = (q: Queryable, rail: string, now: Date, leaseEnd: Date): Promise<WatchRow | undefined> =>
  q.maybe(sql`update payments.watches set leased_until = ${leaseEnd}, due_at = ${leaseEnd}, claims = claims + 1
    where rail = ${rail} and due_at <= ${now} and (leased_until is null or leased_until <= ${now}) returning ${COLUMNS}`)

export async function ensureWatchRow(q: Queryable, rail: string, now: Date): Promise<void> {
  await q.run(sql`insert into payments.watches (rail, due_at) values (${rail}, ${now}) on conflict do nothing`)
}

/** Makes a look due now; during one, another after it. */
export async function wakeWatch(q: Queryable, rail: string, now: Date): Promise<void> {
  await q.run(sql`update payments.watches set due_at = ${now} where rail = ${rail} and due_at > ${now}`)
}

/** Whoever claimed it is dead. */
export const releaseWatchClaims = (q: Queryable, rail: string, now: Date): Promise<number> =>
  q.run(
    sql`update payments.watches set leased_until = null, due_at = ${now} where rail = ${rail} and leased_until is not null`,
  )

/** False when another has claimed it since: then nothing of this look may be stored. */
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

/** The cursor stays. @returns since when it fails; undefined when another has claimed it since */
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

/** Looks begin again at about a day ago: what was before and not seen is not looked for any more. False when there is no such row. */
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
