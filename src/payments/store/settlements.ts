import type { Asset } from '#money'
import { joinSql, type Queryable, sql, type Sql, type Tx } from '#platform/database/db'
import type { Claimed, ClaimTable } from '#platform/runtime/jobs'
import type { SettlementState } from '../settlements/types.ts'

export interface SettlementRow {
  id: string
  merchantId: string
  account: string
  receiptId: string
  transferId: string
  asset: Asset
  credited: bigint
  returned: bigint
  feeBps: number
  feeFixed: bigint
  fee: bigint | null
  state: SettlementState
  /** Grows with each change that is reported to the merchant. */
  version: number
  dueAt: Date
  claim: bigint
  createdAt: Date
  settledAt: Date | null
}

const COLUMNS = sql`s.id, s.merchant_id as "merchantId", s.account, s.receipt_id as "receiptId", s.transfer_id as "transferId", s.asset,
  s.credited, s.returned, s.fee_bps as "feeBps", s.fee_fixed as "feeFixed", s.fee, s.state, s.version, s.due_at as "dueAt", s.claim,
  s.created_at as "createdAt", s.settled_at as "settledAt"`

export async function insertSettlement(tx: Tx, row: Omit<SettlementRow, 'claim'>): Promise<void> {
  await tx.run(sql`insert into payments.settlements (id, merchant_id, account, receipt_id, transfer_id, asset, credited, fee_bps, fee_fixed,
      due_at, look_at, created_at)
    values (${row.id}, ${row.merchantId}, ${row.account}, ${row.receiptId}, ${row.transferId}, ${row.asset}, ${row.credited}, ${row.feeBps},
      ${row.feeFixed}, ${row.dueAt}, ${row.dueAt}, ${row.createdAt})`)
}

export const lockSettlement = (tx: Tx, id: string): Promise<SettlementRow | undefined> =>
  tx.maybe(sql`select ${COLUMNS} from payments.settlements s where s.id = ${id} for no key update`)

/** Locks the pending settlements of a receipt, oldest first. */
export const lockHeld = (tx: Tx, receiptId: string): Promise<SettlementRow[]> =>
  tx.many(sql`select ${COLUMNS} from payments.settlements s where s.receipt_id = ${receiptId} and s.state = 'pending'
    order by s.id limit 100 for no key update`)

/** Locks pending settlements of a payment, oldest first, as many as cover an amount. */
export const lockHeldForAmount = (
  tx: Tx,
  { intentId, asset, amount }: { intentId: string; asset: Asset; amount: bigint },
): Promise<SettlementRow[]> =>
  tx.many(sql`select ${COLUMNS} from payments.settlements s
    where s.state = 'pending' and s.id in (select id from (
        select h.id, sum(h.credited - h.returned) over (order by h.id) - (h.credited - h.returned) as before
        from payments.settlements h join payments.receipts r on r.id = h.receipt_id
        where r.intent_id = ${intentId} and h.state = 'pending' and h.asset = ${asset}) each
      where before < ${amount})
    order by s.id for no key update`)

/** Amount released from a settlement, and the refund or reversal that caused it. */
export interface HoldRelease {
  cause: string
  settlementId: string
  amount: bigint
  undone: bigint
}

export async function insertHoldRelease(
  tx: Tx,
  { cause, settlementId, amount }: HoldRelease,
  now: Date,
): Promise<void> {
  await tx.run(sql`insert into payments.settlement_frees as f (cause, settlement_id, amount, created_at)
    values (${cause}, ${settlementId}, ${amount}, ${now})
    on conflict (cause, settlement_id) do update set amount = f.amount + excluded.amount, ended_at = null`)
}

/** Lists open releases by any of these causes, oldest first. Call it under the payment's lock. */
export const listHoldReleases = (tx: Tx, causes: readonly string[]): Promise<HoldRelease[]> =>
  tx.many(sql`select cause, settlement_id as "settlementId", amount, undone from payments.settlement_frees
    where cause = any(${causes}) and ended_at is null order by settlement_id limit 1000`)

export async function updateHoldRelease(
  tx: Tx,
  { cause, settlementId, undone }: HoldRelease,
  endedAt: Date | null,
): Promise<void> {
  await tx.run(sql`update payments.settlement_frees set undone = ${undone}, ended_at = ${endedAt}
    where cause = ${cause} and settlement_id = ${settlementId}`)
}

export async function updateSettlement(tx: Tx, row: SettlementRow): Promise<void> {
  await tx.run(sql`update payments.settlements set returned = ${row.returned}, fee = ${row.fee}, state = ${row.state}, version = ${row.version},
    settled_at = ${row.settledAt}, look_at = case when ${row.state === 'pending'} then coalesce(look_at, due_at) end,
    claimed_by = case when ${row.state === 'pending'} then claimed_by end where id = ${row.id}`)
}

export const SETTLEMENTS: ClaimTable<{ id: string }> = {
  table: 'payments.settlements',
  dueAt: 'look_at',
  keyOf: ({ id }) => ({ id }),
}

export type ClaimedSettlement = Claimed & { readonly id: string }

/** Claims due settlements. */
export const claimSettlements = (
  q: Queryable,
  limit: number,
  now: Date,
  holder: string,
): Promise<ClaimedSettlement[]> =>
  q.many(sql`update payments.settlements set claimed_by = ${holder}, claim = claim + 1 where id in (
      select id from payments.settlements where look_at <= ${now} and claimed_by is null
      order by look_at limit ${limit} for update skip locked)
    returning id, claim`)

export interface SettlementWithIntent extends SettlementRow {
  intentId: string
  owner: string
  livemode: boolean
}

const OF = sql`from payments.settlements s join payments.receipts r on r.id = s.receipt_id join payments.intents i on i.id = r.intent_id`

export const findSettlement = (q: Queryable, id: string): Promise<SettlementWithIntent | undefined> =>
  q.maybe(sql`select ${COLUMNS}, i.id as "intentId", i.owner, i.livemode ${OF} where s.id = ${id}`)

export interface SettlementQuery {
  readonly merchantId: string
  readonly state?: SettlementState | undefined
  /** 1 to 100. */
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Lists settlements, newest first. Returns one more than the limit when there are more. */
export function listSettlements(
  q: Queryable,
  { merchantId, state, limit, cursor }: SettlementQuery,
): Promise<SettlementWithIntent[]> {
  const conditions: Sql[] = [sql`s.merchant_id = ${merchantId}`]
  if (state !== undefined) conditions.push(sql`s.state = ${state}`)
  if (cursor !== undefined) conditions.push(sql`s.id < ${cursor}`)
  return q.many(sql`select ${COLUMNS}, i.id as "intentId", i.owner, i.livemode ${OF}
    where ${joinSql(conditions, sql` and `)} order by s.id desc limit ${limit + 1}`)
}

/**
 * Lists settlements whose returned amount differs from their releases, and open releases of refunds that did not
 * happen.
 */
export const listWrongHoldReleases = (q: Queryable): Promise<{ id: string; what: string }[]> =>
  q.many(sql`select s.id, 'returned ' || s.returned || ', and ' || coalesce(f.amount, 0) || ' was freed of it' as what
      from payments.settlements s
      left join (select settlement_id, sum(amount - undone) as amount from payments.settlement_frees group by 1) f on f.settlement_id = s.id
      where s.returned <> coalesce(f.amount, 0)
    union all
    select f.settlement_id, 'was freed for ' || f.cause || ', which gave nothing back' from payments.settlement_frees f
      join payments.refunds r on r.id = f.cause where r.state in ('failed', 'canceled', 'expired') and f.ended_at is null
    limit 20`)

export const sumHeld = (q: Queryable): Promise<{ account: string; asset: Asset; amount: bigint }[]> =>
  q.many(sql`select account, asset, sum(credited - returned) as amount from payments.settlements where state = 'pending'
    group by 1, 2 order by 1, 2 limit 1000`)
