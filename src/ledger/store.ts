import { sql, type Queryable } from '#platform/database/db'
import type { Asset } from '#money'

export interface AccountRow {
  id: bigint
  code: string
  asset: Asset
  nonneg: boolean
  shards: number
}

/** The fields of an account that a posting needs. */
export type AccountRef = Pick<AccountRow, 'id' | 'shards'>

/** An account to open, with the fields of its table. */
export interface NewAccount {
  code: string
  asset: Asset
  nonneg: boolean
  shards: number
}

/** A transfer with database ids of its accounts. */
export interface TransferRow {
  id: string
  src: AccountRef
  dst: AccountRef
  amount: bigint
  asset: Asset
  kind: string
  ref: string
}

export const openAccounts = (q: Queryable, accounts: readonly NewAccount[], at: Date): Promise<AccountRow[]> =>
  q.many(sql`select id, code, asset, nonneg, shards from ledger.open_accounts(
    ${accounts.map(({ code }) => code)}, ${accounts.map(({ asset }) => asset)},
    ${accounts.map(({ nonneg }) => nonneg)}, ${accounts.map(({ shards }) => shards)}, ${at})`)

interface Posted {
  posted: boolean
}

/** Returns true when posted now, false when posted before. */
export async function postOne(q: Queryable, transfer: TransferRow, at: Date): Promise<boolean> {
  const { id, src, dst, amount, asset, kind, ref } = transfer
  const row = await q.one<Posted>(sql`select ledger.post_one(
    ${id}, ${src.id}, ${src.shards}, ${dst.id}, ${dst.shards}, ${amount}, ${asset}, ${kind}, ${ref}, ${at.toISOString()}) as posted`)
  return row.posted
}

export async function postMany(q: Queryable, transfers: readonly TransferRow[], at: Date): Promise<boolean> {
  const row = await q.one<Posted>(sql`select ledger.post_many(
    ${transfers.map(({ id }) => id)}, ${transfers.map(({ src }) => src.id)}, ${transfers.map(({ src }) => src.shards)},
    ${transfers.map(({ dst }) => dst.id)}, ${transfers.map(({ dst }) => dst.shards)},
    ${transfers.map(({ amount }) => amount)}, ${transfers.map(({ asset }) => asset)},
    ${transfers.map(({ kind }) => kind)}, ${transfers.map(({ ref }) => ref)}, ${at.toISOString()}) as posted`)
  return row.posted
}

interface Done {
  done: boolean
}

export async function placeHold(
  q: Queryable,
  hold: { id: string; account: bigint; asset: Asset; amount: bigint; expiresAt: Date },
  at: Date,
): Promise<boolean> {
  const { id, account, asset, amount, expiresAt } = hold
  const row = await q.one<Done>(
    sql`select ledger.hold(${id}, ${account}, ${asset}, ${amount}, ${expiresAt}, ${at}) as done`,
  )
  return row.done
}

export async function settleHold(
  q: Queryable,
  move: { holdId: string; transferId: string; dst: AccountRef; amount: bigint; kind: string; ref: string },
  at: Date,
): Promise<boolean> {
  const { holdId, transferId, dst, amount, kind, ref } = move
  const row = await q.one<Done>(
    sql`select ledger.settle(${holdId}, ${transferId}, ${dst.id}, ${dst.shards}, ${amount}, ${kind}, ${ref}, ${at}) as done`,
  )
  return row.done
}

export async function releaseHold(q: Queryable, holdId: string, at: Date): Promise<boolean> {
  const row = await q.one<Done>(sql`select ledger.release(${holdId}, ${at}) as done`)
  return row.done
}

/** Returns the number of expired holds. */
export async function expireHolds(q: Queryable, now: Date, limit: number): Promise<number> {
  const row = await q.one<{ freed: number }>(sql`select ledger.expire_holds(${now}, ${limit}) as freed`)
  return row.freed
}

export const findBalance = (q: Queryable, code: string, asset: Asset): Promise<{ posted: bigint; held: bigint }> =>
  q.one(sql`select coalesce(sum(b.posted), 0) as posted, coalesce(sum(b.held), 0) as held
    from ledger.accounts a join ledger.balances b on b.account = a.id where a.code = ${code} and a.asset = ${asset}`)

export interface BalanceRow {
  code: string
  asset: Asset
  posted: bigint
  held: bigint
}

/** Codes are ASCII below "~", so a prefix is a range of the index. */
export const listBalances = (q: Queryable, prefix: string, limit: number): Promise<BalanceRow[]> =>
  q.many(sql`select a.code, a.asset, sum(b.posted) as posted, sum(b.held) as held
    from ledger.accounts a join ledger.balances b on b.account = a.id
    where a.code >= ${prefix} and a.code < ${`${prefix}~`}
    group by a.code, a.asset order by a.code, a.asset limit ${limit}`)

export interface EntryRow {
  id: string
  seq: bigint
  at: Date
  kind: string
  ref: string
  from: string
  to: string
  amount: bigint
}

/** Transfers into and out of an account, newest first, below a seq. */
export const listEntries = (
  q: Queryable,
  { code, asset, below, limit }: { code: string; asset: Asset; below: bigint; limit: number },
): Promise<EntryRow[]> =>
  q.many(sql`with account as (select id from ledger.accounts where code = ${code} and asset = ${asset}),
    entries as (
      (select t.* from account a join ledger.transfers t on t.src = a.id where t.seq < ${below} order by t.seq desc limit ${limit})
      union all
      (select t.* from account a join ledger.transfers t on t.dst = a.id where t.seq < ${below} order by t.seq desc limit ${limit}))
    select e.id, e.seq, e.at, e.kind, e.ref, s.code as "from", d.code as "to", e.amount
    from entries e join ledger.accounts s on s.id = e.src join ledger.accounts d on d.id = e.dst
    order by e.seq desc limit ${limit}`)

export interface AssetTotal {
  asset: Asset
  total: bigint
  accounts: number
}

export const listTotals = (q: Queryable): Promise<AssetTotal[]> =>
  q.many(sql`select asset, sum(posted) as total, count(distinct account)::int as accounts
    from ledger.balances group by asset order by asset limit 1000`)
