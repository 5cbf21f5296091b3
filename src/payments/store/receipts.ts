import { type Asset, money } from '#money'
import { type Queryable, sql, type Tx } from '#platform/database/db'
import type { Receipt } from '../receipts/types.ts'

/** All SQL on receipts: the facts (written once), their states, and the entries that moved money. */

export interface ReceiptRow {
  id: string
  rail: string
  railAccount: string
  providerId: string
  attemptId: string
  intentId: string
  asset: Asset
  gross: bigint
  feeAsset: Asset | null
  fee: bigint | null
  takenAt: Date
  late: boolean
  number: string | null
  stated: boolean
  counted: bigint
  reversed: bigint
  refunded: bigint
  /** Money returned beyond `counted`, less the part of it that was recovered. */
  excess: bigint
  /** Provider's id of the reversal that this money undoes. */
  returns: string | null
}

export interface EntryRow {
  id: string
  receiptId: string
  rail: string
  railAccount: string
  kind: 'receipt' | 'fee' | 'raise' | 'lower' | 'reversal'
  asset: Asset
  amount: bigint
  /**
   * Part of `amount` that does not change what the receipt counts for: money that left beyond the receipt, or that covered
   * such an excess.
   */
  excess: bigint
  providerId: string | null
  reason: string | null
  transfers: readonly string[]
}

const COLUMNS = sql`r.id, r.rail, r.rail_account as "railAccount", r.provider_id as "providerId", r.attempt_id as "attemptId",
  r.intent_id as "intentId", r.asset, r.gross, r.fee_asset as "feeAsset", r.fee, r.taken_at as "takenAt", r.late, s.number, s.stated,
  s.counted, s.reversed, s.refunded, s.excess, r.returns`
const FROM = sql`payments.receipts r join payments.receipt_states s on s.receipt_id = r.id`

export const toReceipt = (row: ReceiptRow, intentAsset: Asset): Receipt => ({
  id: row.id,
  attemptId: row.attemptId,
  rail: row.rail,
  providerId: row.providerId,
  number: row.number ?? undefined,
  gross: money(row.asset, row.gross),
  counted: money(intentAsset, row.counted),
  reversed: money(intentAsset, row.reversed),
  late: row.late,
  at: row.takenAt,
})

/** Inserts a receipt and its state. Returns false when the money is recorded already. */
export async function insertReceipt(tx: Tx, row: ReceiptRow, now: Date): Promise<boolean> {
  const written =
    await tx.run(sql`insert into payments.receipts (id, rail, rail_account, provider_id, attempt_id, intent_id, merchant_id,
      asset, gross, counted, fee_asset, fee, taken_at, stated, late, returns, created_at)
    values (${row.id}, ${row.rail}, ${row.railAccount}, ${row.providerId}, ${row.attemptId}, ${row.intentId},
      (select merchant_id from payments.intents where id = ${row.intentId}), ${row.asset}, ${row.gross}, ${row.counted}, ${row.feeAsset}, ${row.fee}, ${row.takenAt}, ${row.stated}, ${row.late}, ${row.returns}, ${now})
    on conflict (rail, rail_account, provider_id) do nothing`)
  if (written === 0) return false
  await tx.run(sql`insert into payments.receipt_states (receipt_id, rail, rail_account, number, stated, counted, updated_at)
    values (${row.id}, ${row.rail}, ${row.railAccount}, ${row.number}, ${row.stated}, ${row.counted}, ${now})`)
  return true
}

export async function updateReceipt(tx: Tx, row: ReceiptRow, now: Date): Promise<void> {
  await tx.run(sql`update payments.receipt_states set number = ${row.number}, stated = ${row.stated}, counted = ${row.counted},
    reversed = ${row.reversed}, refunded = ${row.refunded}, excess = ${row.excess}, updated_at = ${now} where receipt_id = ${row.id}`)
}

/** Returns the receipt after a further reversal. Amounts in minor units of the intent's asset. */
export const subtractReversal = (
  receipt: ReceiptRow,
  gone: { within: bigint; refunded: bigint; excess: bigint },
): ReceiptRow => ({
  ...receipt,
  reversed: receipt.reversed + gone.within,
  refunded: receipt.refunded + gone.refunded,
  excess: receipt.excess + gone.excess,
})

/** Finds a receipt by the provider's id of the payment, within one rail account. */
export const findReceipt = (
  q: Queryable,
  by: Pick<ReceiptRow, 'rail' | 'railAccount' | 'providerId'>,
): Promise<ReceiptRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from ${FROM}
    where r.rail = ${by.rail} and r.rail_account = ${by.railAccount} and r.provider_id = ${by.providerId}`)

export const findReceiptById = (q: Queryable, id: string): Promise<ReceiptRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from ${FROM} where r.id = ${id}`)

/** Finds a receipt by its receipt number. */
export const findByNumber = (
  q: Queryable,
  by: { rail: string; railAccount: string; number: string },
): Promise<ReceiptRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from ${FROM}
    where s.rail = ${by.rail} and s.rail_account = ${by.railAccount} and s.number = ${by.number}`)

export const listReceipts = (q: Queryable, intentId: string): Promise<ReceiptRow[]> =>
  q.many(sql`select ${COLUMNS} from ${FROM} where r.intent_id = ${intentId} order by r.id limit 200`)

const MAX_RECEIPTS = 200

/**
 * A receipt in another asset than its intent's that was not exchanged. It counts for nothing and belongs to the
 * merchant in its own asset.
 */
export interface UncountedReceiptRow extends ReceiptRow {
  /** Amount not returned yet, in the receipt's asset. */
  left: bigint
}

/** Lists the uncounted receipts of intents in order of arrival. */
export const listUncountedReceipts = (q: Queryable, intentIds: readonly string[]): Promise<UncountedReceiptRow[]> =>
  q.many(sql`select ${COLUMNS}, (select coalesce(sum(case when e.kind in ('receipt', 'raise') then e.amount - e.excess else e.excess - e.amount end), 0)
      from payments.receipt_entries e where e.receipt_id = r.id and e.kind <> 'fee') as left
    from ${FROM} join payments.intents i on i.id = r.intent_id
    where r.intent_id = any(${intentIds}) and r.asset <> i.asset and not exists (select from payments.exchanges x where x.receipt_id = r.id)
    order by r.id limit ${intentIds.length * MAX_RECEIPTS}`)

/** Returns the refundable amount of a receipt, in the intent's asset; for an uncounted receipt in its own. */
export async function refundableAmount(q: Queryable, receipt: ReceiptRow, intent: { asset: Asset }): Promise<bigint> {
  if (receipt.asset === intent.asset || receipt.counted > 0n) return receipt.counted - receipt.reversed
  return (await listUncountedReceipts(q, [receipt.intentId])).find(({ id }) => id === receipt.id)?.left ?? 0n
}

/** Lists receipts with a refundable amount or an excess: the newest, in order of arrival. */
export const listRefundableReceipts = async (q: Queryable, intentId: string): Promise<ReceiptRow[]> =>
  (
    await q.many<ReceiptRow>(sql`select ${COLUMNS} from ${FROM}
      where r.intent_id = ${intentId} and s.counted > 0 and (s.counted > s.reversed or s.excess > 0) order by r.id desc limit ${MAX_RECEIPTS}`)
  ).toReversed()

/** Inserts an entry. Returns false when the reversal is recorded already. */
export async function insertEntry(tx: Tx, row: EntryRow, now: Date): Promise<boolean> {
  const written =
    await tx.run(sql`insert into payments.receipt_entries (id, receipt_id, rail, rail_account, kind, asset, amount, excess, provider_id,
      reason, transfers, created_at)
    values (${row.id}, ${row.receiptId}, ${row.rail}, ${row.railAccount}, ${row.kind}, ${row.asset}, ${row.amount}, ${row.excess}, ${row.providerId},
      ${row.reason}, ${row.transfers}, ${now})
    on conflict (rail, rail_account, provider_id) where provider_id is not null do nothing`)
  return written === 1
}

export interface Reversal extends Pick<EntryRow, 'receiptId' | 'asset' | 'amount' | 'transfers'> {
  attemptId: string
  /** Id of the refund, when the reversal was one of our refunds. */
  refundId: string | null
}

/** Finds a reversal by the provider's id. */
export const findReversal = (
  q: Queryable,
  by: { rail: string; railAccount: string; providerId: string },
): Promise<Reversal | undefined> =>
  q.maybe(sql`select r.attempt_id as "attemptId", r.id as "receiptId", e.asset, e.amount, e.transfers,
      substring(e.reason from '^refund (re_.*)$') as "refundId"
    from payments.receipt_entries e join payments.receipts r on r.id = e.receipt_id
    where e.rail = ${by.rail} and e.rail_account = ${by.railAccount} and e.provider_id = ${by.providerId}`)

/** Sums the money that arrived according to the provider, even when `counted` cannot go below the returned amount. */
export const sumArrived = async (q: Queryable, receiptId: string): Promise<bigint> =>
  (
    await q.one<{
      amount: bigint
    }>(sql`select coalesce(sum(case kind when 'lower' then -amount else amount end), 0) as amount
      from payments.receipt_entries where receipt_id = ${receiptId} and kind in ('receipt', 'raise', 'lower')`)
  ).amount

/** Returns whether the provider's fee is booked. */
export const hasFee = async (q: Queryable, receiptId: string): Promise<boolean> =>
  (await q.maybe(sql`select from payments.receipt_entries where receipt_id = ${receiptId} and kind = 'fee'`)) !==
  undefined

export interface Sums {
  received: bigint
  reversed: bigint
  refunded: bigint
  attempts: number
  livePush: number
  livePage: number
  live: number
  unconfirmed: boolean
  /** Largest rail tolerance of the settled attempts. */
  tolerance: bigint
}

/** Sums the facts that decide the intent's status. Call it under the intent's lock. */
export const sumIntent = (tx: Tx, { id: intentId, asset }: { id: string; asset: Asset }): Promise<Sums> =>
  tx.one(sql`select r.received, r.reversed, r.refunded, a.attempts, a."livePush", a."livePage", a.live, a.unconfirmed, a.tolerance
    from (select coalesce(sum(s.counted - s.reversed), 0) as received, coalesce(sum(s.reversed), 0) as reversed,
        (select coalesce(sum(f.amount), 0) from payments.refunds f where f.intent_id = ${intentId} and f.state = 'succeeded' and f.asset = ${asset}) as refunded
        from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id where r.intent_id = ${intentId}) r,
      (select count(*)::int as attempts,
          (count(*) filter (where live and kind = 'push'))::int as "livePush",
          (count(*) filter (where live and kind in ('page', 'address')))::int as "livePage",
          (count(*) filter (where live))::int as live, coalesce(bool_or(unconfirmed), false) as unconfirmed,
          coalesce(max(tolerance) filter (where state = 'settled'), 0) as tolerance
        from (select kind, unconfirmed, tolerance, state, state in ('created', 'submitting', 'pending', 'unknown') as live
          from payments.attempts where intent_id = ${intentId}) each) a`)

/** Returns whether a receipt of one of these rails has this number. */
export const isCountedNumber = async (q: Queryable, rails: readonly string[], number: string): Promise<boolean> =>
  (await q.maybe(sql`select from payments.receipt_states
    where rail = any(${rails}) and rail_account = 'main' and number = ${number} limit 1`)) !== undefined

/** Locks a receipt number until the transaction ends, so that one number is counted once across rails. Take the intent's lock first. */
export async function lockNumber(tx: Tx, number: string): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(hashtextextended('payments.number:' || ${number}, 0))`)
}

/** Locks an account until the transaction ends. Serializes reading a debt and then changing it. */
export async function lockAccount(tx: Tx, code: string): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(hashtextextended('payments.account:' || ${code}, 0))`)
}
