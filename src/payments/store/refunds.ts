import type { Asset, Money } from '#money'
import { joinSql, type Queryable, sql, type Sql, type Tx } from '#platform/database/db'
import type { ClaimTable } from '#platform/runtime/jobs'
import type { FailureReason } from '#rails/contract'
import type { AmountBasis, RefundState } from '../refunds/types.ts'

/** All SQL on payments.refunds and payments.refund_parts. */

export const REFUNDS: ClaimTable<{ id: string }> = {
  table: 'payments.refunds',
  requests: true,
  keyOf: ({ id }) => ({ id }),
}

export interface RefundRow {
  id: string
  intentId: string
  merchantId: string
  asset: Asset
  amount: bigint
  held: bigint
  origin: 'merchant' | 'provider'
  way: 'native' | 'claim'
  state: RefundState
  amountBasis: AmountBasis
  note: string
  rail: string | null
  railAccount: string
  phone: string | null
  destination: string | null
  sending: number
  /** The sending that the money was debited for. */
  takenSending: number | null
  reference: string | null
  number: string | null
  reason: FailureReason | null
  why: string | null
  claimHash: string | null
  claimExpiresAt: Date | null
  idempotencyKey: string | null
  requestHash: string | null
  dueAt: Date | null
  /** Instance that sends or polls the refund. */
  claimedBy: string | null
  /** Number of the claim. */
  claim: bigint
  checks: number
  version: number
  createdAt: Date
  submittedAt: Date | null
  endedAt: Date | null
}

/** Part of a refund that one receipt covers. */
export interface RefundPart {
  receiptId: string
  amount: bigint
}

const COLUMNS = sql`id, intent_id as "intentId", merchant_id as "merchantId", asset, amount, held, origin, way, state,
  amount_basis as "amountBasis", note, rail, rail_account as "railAccount", phone, destination, sending,
  taken_sending as "takenSending", reference, number, reason, why, claim_hash as "claimHash", claim_expires_at as "claimExpiresAt", idempotency_key as "idempotencyKey", request_hash as "requestHash",
  due_at as "dueAt", claimed_by as "claimedBy", claim, checks, version, created_at as "createdAt", submitted_at as "submittedAt", ended_at as "endedAt"`

/** Inserts a refund and its parts. Returns false when the merchant used the key before. */
export async function insertRefund(tx: Tx, row: RefundRow, parts: readonly RefundPart[]): Promise<boolean> {
  const written =
    await tx.run(sql`insert into payments.refunds (id, intent_id, merchant_id, asset, amount, held, origin, way, state,
      amount_basis, note, rail, rail_account, phone, sending, taken_sending, reference, claim_hash, claim_expires_at, idempotency_key, request_hash, due_at, claimed_by, claim,
      created_at, ended_at)
    values (${row.id}, ${row.intentId}, ${row.merchantId}, ${row.asset}, ${row.amount}, ${row.held}, ${row.origin}, ${row.way}, ${row.state},
      ${row.amountBasis}, ${row.note}, ${row.rail}, ${row.railAccount}, ${row.phone}, ${row.sending}, ${row.takenSending}, ${row.reference}, ${row.claimHash},
      ${row.claimExpiresAt}, ${row.idempotencyKey}, ${row.requestHash}, ${row.dueAt}, ${row.claimedBy}, ${row.claim}, ${row.createdAt}, ${row.endedAt})
    on conflict (merchant_id, idempotency_key) where idempotency_key is not null do nothing`)
  if (written === 0) return false
  await tx.run(sql`insert into payments.refund_parts (refund_id, receipt_id, amount)
    select ${row.id}, receipt, amount from unnest(${parts.map(({ receiptId }) => receiptId)}::text[],
      ${parts.map(({ amount }) => amount)}::numeric[]) as part (receipt, amount)`)
  return true
}

export const findRefund = (q: Queryable, id: string): Promise<RefundRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.refunds where id = ${id}`)

/** Locks a refund. Call it under the intent's lock; then only claims run concurrently. */
export const lockRefund = (tx: Tx, id: string): Promise<RefundRow> =>
  tx.one(sql`select ${COLUMNS} from payments.refunds where id = ${id} for no key update`)

export const findRefundByKey = (q: Queryable, merchantId: string, key: string): Promise<RefundRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.refunds where merchant_id = ${merchantId} and idempotency_key = ${key}`)

/** Finds a refund of the same amount created since a time that did not fail or get canceled. */
export const findSimilarRefund = (
  q: Queryable,
  intentId: string,
  { asset, amount }: Money,
  since: Date,
): Promise<{ id: string } | undefined> =>
  q.maybe(sql`select id from payments.refunds where intent_id = ${intentId} and asset = ${asset} and amount = ${amount} and origin = 'merchant'
      and created_at > ${since} and state not in ('failed', 'canceled', 'expired') order by id desc limit 1`)

export const findRefundByReference = (
  q: Queryable,
  { rail, railAccount }: { rail: string; railAccount: string },
  reference: string,
): Promise<RefundRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.refunds
    where rail = ${rail} and rail_account = ${railAccount} and reference = ${reference}`)

export const listParts = (q: Queryable, refundId: string): Promise<RefundPart[]> =>
  q.many(sql`select receipt_id as "receiptId", amount from payments.refund_parts where refund_id = ${refundId}
    order by receipt_id limit 200`)

/** Sums what refunds under way reserve of each receipt of an intent. Call it under the intent's lock. */
export const listReserved = (q: Queryable, intentId: string): Promise<RefundPart[]> =>
  q.many(sql`select p.receipt_id as "receiptId", sum(p.amount) as amount
    from payments.refunds f join payments.refund_parts p on p.refund_id = f.id
    where f.intent_id = ${intentId} and f.state in ('created', 'submitting', 'pending', 'unknown', 'claimable')
    group by p.receipt_id limit 200`)

/** Lists refunds under way that reserve part of a receipt, newest first. Call it under the intent's lock. */
export const listReserving = (q: Queryable, receiptId: string): Promise<{ id: string; amount: bigint }[]> =>
  q.many(sql`select f.id, p.amount from payments.refund_parts p join payments.refunds f on f.id = p.refund_id
    where p.receipt_id = ${receiptId} and f.state in ('created', 'submitting', 'pending', 'unknown', 'claimable')
    order by f.id desc limit 1000`)

export interface RefundFilter {
  readonly merchantId?: string | undefined
  readonly intentId?: string | undefined
  readonly states?: readonly RefundState[] | undefined
  readonly afterId?: string | undefined
  readonly limit: number
}

/** Lists refunds, newest first. */
export function listRefunds(
  q: Queryable,
  { merchantId, intentId, states, afterId, limit }: RefundFilter,
): Promise<RefundRow[]> {
  const conditions: Sql[] = [sql`true`]
  if (merchantId !== undefined) conditions.push(sql`merchant_id = ${merchantId}`)
  if (intentId !== undefined) conditions.push(sql`intent_id = ${intentId}`)
  if (states) conditions.push(sql`state = any(${states})`)
  if (afterId !== undefined) conditions.push(sql`id < ${afterId}`)
  return q.many(sql`select ${COLUMNS} from payments.refunds where ${joinSql(conditions, sql` and `)}
    order by id desc limit ${limit}`)
}

/**
 * Lists refunds that an operator must resolve: manual refunds, and refunds sent before `before` whose outcome is unknown.
 */
export const listUnresolvedRefunds = (
  q: Queryable,
  { manualRail, before, limit }: { manualRail: string; before: Date; limit: number },
): Promise<RefundRow[]> =>
  q.many(sql`select ${COLUMNS} from payments.refunds
    where (state = 'pending' and rail = ${manualRail}) or (state in ('pending', 'unknown') and rail <> ${manualRail} and submitted_at < ${before})
    order by id limit ${limit}`)

const MAX_COUNTED = 1000

/** Counts the refunds that an operator must resolve, at most 1000 of each kind, and returns since when the oldest waits. */
export const measureUnresolvedRefunds = (
  q: Queryable,
  { manualRail, before }: { manualRail: string; before: Date },
): Promise<{ waiting: number; since: Date | null }> =>
  q.one(sql`select count(*)::int as waiting, min(since) as since from (
      (select coalesce(submitted_at, created_at) as since from payments.refunds
        where state = 'pending' and rail = ${manualRail} order by submitted_at limit ${MAX_COUNTED})
      union all
      (select submitted_at from payments.refunds
        where state in ('pending', 'unknown') and rail <> ${manualRail} and submitted_at < ${before} order by submitted_at limit ${MAX_COUNTED})
    ) unresolved`)

/** The claim of a holder. */
export type HeldRefund = Pick<RefundRow, 'id' | 'claim'>

/**
 * Takes the right to send a refund, once: undefined when it is not `created` any more, or the claim is lost. Call it under the intent's
 * lock.
 */
export const beginSending = (
  q: Tx,
  { id, claim }: HeldRefund,
  holder: string,
  now: Date,
): Promise<RefundRow | undefined> =>
  q.maybe(sql`update payments.refunds set state = 'submitting', submitted_at = ${now}
    where id = ${id} and state = 'created' and claim = ${claim} and claimed_by = ${holder} returning ${COLUMNS}`)

/** Returns whether the holder still has the right to call the rail. */
export const holdsSending = async (q: Queryable, { id, claim }: HeldRefund, holder: string): Promise<boolean> =>
  (await q.maybe(sql`select 1 as held from payments.refunds
    where id = ${id} and state = 'submitting' and claim = ${claim} and claimed_by = ${holder}`)) !== undefined

/** Claims a refund whose payer just entered the destination, for the request that sends it. Call it under the refund's lock. */
export const claimRefund = (tx: Tx, { id }: Pick<RefundRow, 'id'>, holder: string): Promise<RefundRow> =>
  tx.one(
    sql`update payments.refunds set claimed_by = ${holder}, claim = claim + 1 where id = ${id} returning ${COLUMNS}`,
  )

/** Claims due refunds. */
export const claimDueRefunds = (q: Queryable, limit: number, now: Date, holder: string): Promise<RefundRow[]> =>
  q.many(sql`update payments.refunds set claimed_by = ${holder}, claim = claim + 1 where id in (
    select id from payments.refunds where due_at <= ${now} and claimed_by is null
    order by due_at limit ${limit} for update skip locked)
    returning ${COLUMNS}`)

/** Updates a refund. Releases it when it is due no more. */
export async function updateRefund(tx: Tx, row: RefundRow): Promise<void> {
  await tx.run(sql`update payments.refunds set held = ${row.held}, state = ${row.state}, rail = ${row.rail}, phone = ${row.phone},
    destination = ${row.destination}, sending = ${row.sending}, taken_sending = ${row.takenSending},
    reference = ${row.reference}, number = ${row.number}, reason = ${row.reason},
    why = ${row.why}, due_at = ${row.dueAt}, checks = ${row.checks}, version = ${row.version},
    claimed_by = case when ${row.dueAt === null} then null else claimed_by end,
    submitted_at = ${row.submittedAt}, ended_at = ${row.endedAt} where id = ${row.id}`)
}

/** Makes a refund due now, unless it has ended. */
export async function expediteRefund(tx: Tx, { id }: Pick<RefundRow, 'id'>, now: Date): Promise<void> {
  await tx.run(sql`update payments.refunds set due_at = least(due_at, ${now}) where id = ${id} and due_at is not null`)
}

/** Releases a refund without another change. */
export async function releaseRefund(q: Queryable, { id, claim }: HeldRefund): Promise<void> {
  await q.run(sql`update payments.refunds set claimed_by = null where id = ${id} and claim = ${claim}`)
}

/** Releases a refund and postpones its next check. Does nothing when the claim is lost. */
export async function postponeRefund(
  q: Queryable,
  { id, dueAt, checks, claim }: Pick<RefundRow, 'id' | 'dueAt' | 'checks' | 'claim'>,
): Promise<void> {
  await q.run(sql`update payments.refunds set claimed_by = null, checks = ${checks},
      due_at = case when due_at is null then null else ${dueAt}::timestamptz end
    where id = ${id} and claim = ${claim}`)
}

/** Releases the idempotency keys of refunds created before `before`. @returns number of keys */
export const releaseRefundKeys = (q: Queryable, before: Date, limit: number): Promise<number> =>
  q.run(sql`update payments.refunds set idempotency_key = null, request_hash = null where id in (
    select id from payments.refunds where created_at < ${before} and idempotency_key is not null limit ${limit})`)

/** Sums what refunds under way hold, by account and asset, for comparison with the ledger. */
export const listHeld = (q: Queryable): Promise<{ account: string; asset: Asset; held: bigint }[]> =>
  q.many(sql`select i.account, f.asset, sum(f.held) as held
    from payments.refunds f join payments.intents i on i.id = f.intent_id
    where f.state in ('created', 'submitting', 'pending', 'unknown', 'claimable') group by 1, 2 having sum(f.held) > 0 limit 1000`)

/** Lists refunds whose parts do not add up, or that hold money or are due after they ended. */
export const listWrongRefunds = (q: Queryable): Promise<{ id: string; what: string }[]> =>
  q.many(sql`select f.id, case when f.amount <> p.amount then 'its parts do not add up to its amount'
      when f.state not in ('created', 'submitting', 'pending', 'unknown', 'claimable') and f.held > 0 then 'it has ended and still holds money'
      else 'it has ended and is still due' end as what
    from payments.refunds f join lateral (
      select coalesce(sum(amount), 0) as amount from payments.refund_parts where refund_id = f.id) p on true
    where f.amount <> p.amount
      or (f.state not in ('created', 'submitting', 'pending', 'unknown', 'claimable') and (f.held > 0 or f.due_at is not null))
    order by f.id limit 20`)

/** Lists successful refunds that are not booked in full. Old refunds without their own entries have no reference. */
export const listUnbooked = (q: Queryable): Promise<{ id: string; amount: bigint; booked: bigint }[]> =>
  q.many(sql`select f.id, f.amount, coalesce(e.amount, 0) as booked
    from payments.refunds f left join lateral (
      select sum(n.amount) as amount, bool_or(n.asset <> f.asset) as exchanged from payments.refund_parts p join payments.receipt_entries n on n.receipt_id = p.receipt_id
      where p.refund_id = f.id and n.kind = 'reversal'
        and (n.reason = 'refund ' || f.id or (f.origin = 'provider' and n.rail = f.rail and n.provider_id = f.reference))) e on true
    where f.state = 'succeeded' and (f.origin = 'merchant' or f.reference is not null) and coalesce(e.amount, 0) <> f.amount
      and e.exchanged is not true
    order by f.id limit 20`)

/**
 * Lists receipts with more refunded than received, apart from booked excess, and receipts whose remainder does not
 * cover their unsent refunds. Refunds made at the provider directly are not checked.
 */
export const listOverRefunded = (q: Queryable): Promise<{ id: string; counted: bigint; gone: bigint }[]> =>
  q.many(sql`select s.receipt_id as id, s.counted, s.reversed + coalesce(p.amount, 0) as gone
    from payments.receipt_states s
    join (select p.receipt_id, sum(p.amount) filter (where f.state in ('created', 'submitting', 'pending', 'unknown', 'claimable')) as amount,
        bool_or(f.state in ('created', 'claimable')) as unsent,
        sum(p.amount) filter (where f.origin = 'merchant' and f.state = 'succeeded') as done
      from payments.refunds f join payments.refund_parts p on p.refund_id = f.id
        join payments.intents i on i.id = f.intent_id and i.asset = f.asset group by p.receipt_id) p on p.receipt_id = s.receipt_id
    where (p.unsent and s.reversed + p.amount > s.counted) or coalesce(p.done, 0) > s.counted + s.excess or s.refunded > s.reversed
    union all
    select r.id, left_of.amount, sum(p.amount) from payments.refunds f
      join payments.refund_parts p on p.refund_id = f.id join payments.receipts r on r.id = p.receipt_id
      join payments.intents i on i.id = f.intent_id and i.asset <> f.asset
      join lateral (select coalesce(sum(case when e.kind in ('receipt', 'raise') then e.amount - e.excess else e.excess - e.amount end), 0) as amount
        from payments.receipt_entries e where e.receipt_id = r.id and e.kind <> 'fee') left_of on true
      where f.state in ('created', 'claimable') group by r.id, left_of.amount having sum(p.amount) > left_of.amount
    order by 1 limit 20`)
