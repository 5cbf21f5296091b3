import type { Asset } from '#money'
import { type Queryable, sql, type Tx } from '#platform/database/db'

/** All SQL on address indexes, and the queries for watched attempts. */

/**
 * Allocates a released index, otherwise the next one. Locks the key's row until the transaction ends, so allocations of
 * one key are serial.
 */
export async function allocateIndex(tx: Tx, space: string): Promise<{ index: number; used: number }> {
  await tx.run(sql`insert into payments.address_indexes (space) values (${space}) on conflict do nothing`)
  const { used } = await tx.one<{ used: number }>(
    sql`select used from payments.address_indexes where space = ${space} for update`,
  )
  const free = await tx.maybe<{ index: number }>(sql`delete from payments.free_indexes where (space, index) in (
    select space, index from payments.free_indexes where space = ${space} order by index limit 1) returning index`)
  if (free) return { index: free.index, used }
  const { index } = await tx.one<{ index: number }>(
    sql`update payments.address_indexes set next = next + 1 where space = ${space} returning next - 1 as index`,
  )
  return { index, used }
}

/** Releases an index whose address was never shown. */
export async function releaseIndex(tx: Tx, { space, index }: { space: string; index: number }): Promise<void> {
  await tx.run(sql`insert into payments.free_indexes (space, index) values (${space}, ${index}) on conflict do nothing`)
}

/** Marks an index as used, because its address received money. */
export async function markIndexUsed(tx: Tx, { space, index }: { space: string; index: number }): Promise<void> {
  await tx.run(sql`update payments.address_indexes set used = ${index} where space = ${space} and used < ${index}`)
}

interface WatchedRow {
  attemptId: string
  reference: string
  asset: Asset
  amount: bigint
}

const WATCHED = sql`id as "attemptId", reference, asset, amount`

/** Lists attempts whose addresses are polled, latest end first. */
export const listWatched = (q: Queryable, rail: string, now: Date, limit: number): Promise<WatchedRow[]> =>
  q.many(sql`select ${WATCHED} from payments.attempts
    where rail = ${rail} and watch_until > ${now} and reference is not null order by watch_until desc limit ${limit}`)

/** Lists all attempts that ever had an address, latest end first. */
export const listAllWatchedAttempts = (q: Queryable, rail: string, limit: number): Promise<WatchedRow[]> =>
  q.many(sql`select ${WATCHED} from payments.attempts
    where rail = ${rail} and watch_until is not null and reference is not null order by watch_until desc limit ${limit}`)
