import { sql, type Queryable } from '#platform/database/db'
import type { Asset } from '#money'

/** SQL for account histories. */

export interface LineRow {
  id: string
  seq: bigint
  at: Date
  account: string
  asset: Asset
  direction: 'in' | 'out'
  amount: bigint
  kind: string
  ref: string
}

/** Returns accounts whose code starts with the prefix. Codes are ASCII below "~", so a prefix is a range of the index. */
export async function listAccountIds(q: Queryable, prefix: string, limit: number): Promise<bigint[]> {
  const rows = await q.many<{ id: bigint }>(sql`select id from ledger.accounts
    where code >= ${prefix} and code < ${`${prefix}~`} order by code, asset limit ${limit}`)
  return rows.map(({ id }) => id)
}

/** Returns rows of these accounts above a seq, oldest first. A transfer between two of them has two rows. */
export const pageOfLines = (
  q: Queryable,
  { accounts, after, limit }: { accounts: readonly bigint[]; after: bigint; limit: number },
): Promise<LineRow[]> =>
  q.many(sql`select t.id, t.seq, t.at, a.code as account, a.asset, t.direction, t.amount, t.kind, t.ref
    from ledger.accounts a cross join lateral (
      (select id, seq, at, amount, kind, ref, 'out' as direction from ledger.transfers
        where src = a.id and seq > ${after} order by seq limit ${limit})
      union all
      (select id, seq, at, amount, kind, ref, 'in' as direction from ledger.transfers
        where dst = a.id and seq > ${after} order by seq limit ${limit})) t
    where a.id = any(${accounts}) order by t.seq, t.direction limit ${limit}`)

/** Returns the first transfer of these accounts from this seq on. */
export const findLineFrom = (
  q: Queryable,
  accounts: readonly bigint[],
  seq: bigint,
): Promise<{ seq: bigint; at: Date } | undefined> =>
  q.maybe(sql`select t.seq, t.at from ledger.accounts a cross join lateral (
      (select seq, at from ledger.transfers where src = a.id and seq >= ${seq} order by seq limit 1)
      union all
      (select seq, at from ledger.transfers where dst = a.id and seq >= ${seq} order by seq limit 1)) t
    where a.id = any(${accounts}) order by t.seq limit 1`)

/** Returns the newest seq of these accounts, or zero when they have no transfers. */
export async function findNewestSeq(q: Queryable, accounts: readonly bigint[]): Promise<bigint> {
  const { seq } = await q.one<{ seq: bigint }>(sql`select coalesce(max(greatest(
      (select max(seq) from ledger.transfers where src = a.id), (select max(seq) from ledger.transfers where dst = a.id))), 0) as seq
    from ledger.accounts a where a.id = any(${accounts})`)
  return seq
}
