import { type Asset, money } from '#money'
import { type Queryable, sql, type Tx } from '#platform/database/db'
import type { ClaimTable } from '#platform/runtime/jobs'
import type { CollectKind, FailureReason, Payer } from '#rails/contract'
import type { Attempt, AttemptState } from '../attempts/types.ts'
import { parseExchange, type StoredExchange } from './stored-exchange.ts'

/** All SQL on payments.attempts. */

export const ATTEMPTS: ClaimTable<{ id: string }> = {
  table: 'payments.attempts',
  requests: true,
  keyOf: ({ id }) => ({ id }),
}

export interface AttemptRow {
  id: string
  intentId: string
  rail: string
  railAccount: string
  method: string
  kind: CollectKind
  state: AttemptState
  asset: Asset
  amount: bigint
  reference: string | null
  redirectUrl: string | null
  address: string | null
  paymentUri: string | null
  due: bigint | null
  indexSpace: string | null
  addressIndex: number | null
  watchUntil: Date | null
  exchange: StoredExchange | null
  tolerance: bigint
  payer: Payer
  returnUrl: string
  requestKey: string | null
  reason: FailureReason | null
  declined: FailureReason | null
  why: string | null
  unconfirmed: boolean
  dueAt: Date | null
  /** Instance that submits or polls the attempt. */
  claimedBy: string | null
  /** Number of the claim. */
  claim: bigint
  checks: number
  createdAt: Date
  submittedAt: Date | null
  endedAt: Date | null
  /** Time after which the payer can no longer pay; null when only the provider knows. */
  endsAt: Date | null
  /** When the payer reported that the transfer was sent. */
  sentAt: Date | null
}

const COLUMNS = sql`id, intent_id as "intentId", rail, rail_account as "railAccount", method, kind, state, asset, amount, reference,
  redirect_url as "redirectUrl", address, payment_uri as "paymentUri", due, index_space as "indexSpace", address_index as "addressIndex",
  watch_until as "watchUntil", exchange, tolerance, payer, return_url as "returnUrl", request_key as "requestKey", reason, declined, why, unconfirmed, due_at as "dueAt", claimed_by as "claimedBy", claim, checks,
  created_at as "createdAt", submitted_at as "submittedAt", ended_at as "endedAt", ends_at as "endsAt", sent_at as "sentAt"`

export function toAttempt(row: AttemptRow): Attempt {
  return {
    id: row.id,
    intentId: row.intentId,
    method: row.method,
    rail: row.rail,
    kind: row.kind,
    amount: money(row.asset, row.amount),
    status: row.state,
    reason: row.reason ?? undefined,
    declined: row.declined ?? undefined,
    redirectUrl: row.redirectUrl ?? undefined,
    address: row.address ?? undefined,
    code: row.kind === 'transfer' ? (row.reference ?? undefined) : undefined,
    sentAt: row.sentAt ?? undefined,
    paymentUri: row.paymentUri ?? undefined,
    due: row.due === null ? undefined : money(row.asset, row.due),
    exchange: row.exchange ? parseExchange(row.exchange) : undefined,
    deposits: [],
    phone: row.payer.phone === undefined ? undefined : maskPhone(row.payer.phone),
    endsAt: row.endsAt ?? undefined,
    createdAt: row.createdAt,
  }
}

/** Masks a phone number, `254712345678` → `2547*****678`. The payer can still recognize it. */
export const maskPhone = (phone: string): string =>
  phone.length < 9 ? '*'.repeat(phone.length) : phone.slice(0, 4) + '*'.repeat(phone.length - 7) + phone.slice(-3)

export async function insertAttempt(tx: Tx, row: AttemptRow): Promise<void> {
  await tx.run(sql`insert into payments.attempts (id, intent_id, rail, rail_account, method, kind, state, asset, amount, payer, return_url,
      request_key, due_at, claimed_by, claim, created_at, index_space, address_index, watch_until, exchange, tolerance, ends_at)
    values (${row.id}, ${row.intentId}, ${row.rail}, ${row.railAccount}, ${row.method}, ${row.kind}, ${row.state}, ${row.asset},
      ${row.amount}, ${row.payer}, ${row.returnUrl}, ${row.requestKey}, ${row.dueAt}, ${row.claimedBy}, ${row.claim}, ${row.createdAt}, ${row.indexSpace},
      ${row.addressIndex}, ${row.watchUntil}, ${row.exchange}, ${row.tolerance}, ${row.endsAt})`)
}

export const findAttempt = (q: Queryable, id: string): Promise<AttemptRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.attempts where id = ${id}`)

export const findByReference = (
  q: Queryable,
  { rail, railAccount }: Pick<AttemptRow, 'rail' | 'railAccount'>,
  reference: string,
): Promise<AttemptRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.attempts
    where rail = ${rail} and rail_account = ${railAccount} and reference = ${reference}`)

export const findAttemptOfReceipt = (q: Queryable, receiptId: string): Promise<AttemptRow | undefined> =>
  q.maybe(
    sql`select ${COLUMNS} from payments.attempts where id = (select attempt_id from payments.receipts where id = ${receiptId})`,
  )

/** Locks an attempt. Call it under the intent's lock; then only claims run concurrently. */
export const lockAttempt = (tx: Tx, id: string): Promise<AttemptRow> =>
  tx.one(sql`select ${COLUMNS} from payments.attempts where id = ${id} for no key update`)

export const listAttempts = (q: Queryable, intentId: string): Promise<AttemptRow[]> =>
  q.many(sql`select ${COLUMNS} from payments.attempts where intent_id = ${intentId} order by id limit 200`)

/** Lists the attempts of several intents, oldest first. An intent has about ten at most. */
export const listAttemptsOf = (q: Queryable, intentIds: readonly string[]): Promise<AttemptRow[]> =>
  q.many(
    sql`select ${COLUMNS} from payments.attempts where intent_id = any(${intentIds}) order by id limit ${intentIds.length * 200}`,
  )

/** The claim of a holder, and the due time that the attempt had when it was claimed. */
export type HeldAttempt = Pick<AttemptRow, 'id' | 'claim' | 'dueAt'>

/**
 * Takes the right to call the rail, once: undefined when the attempt is not `created` any more, or the claim is lost. The lifetime of a
 * prompt starts at submission, which a crash may have delayed.
 */
export const beginSubmission = (
  q: Queryable,
  { id, claim }: HeldAttempt,
  holder: string,
  now: Date,
): Promise<AttemptRow | undefined> =>
  q.maybe(sql`update payments.attempts set state = 'submitting', submitted_at = ${now},
      ends_at = case when kind = 'push' then ends_at + greatest(${now} - created_at, interval '0') else ends_at end
    where id = ${id} and state = 'created' and claim = ${claim} and claimed_by = ${holder} returning ${COLUMNS}`)

/** Returns whether the holder still has the right to call the rail. */
export const holdsSubmission = async (q: Queryable, { id, claim }: HeldAttempt, holder: string): Promise<boolean> =>
  (await q.maybe(sql`select 1 as held from payments.attempts
    where id = ${id} and state = 'submitting' and claim = ${claim} and claimed_by = ${holder}`)) !== undefined

/** Claims due attempts. */
export const claimDue = (q: Queryable, limit: number, now: Date, holder: string): Promise<AttemptRow[]> =>
  q.many(sql`update payments.attempts set claimed_by = ${holder}, claim = claim + 1 where id in (
    select id from payments.attempts where due_at <= ${now} and claimed_by is null
    order by due_at limit ${limit} for update skip locked)
    returning ${COLUMNS}`)

/** Makes the open pages of an intent due at once. */
export const expeditePageChecks = (tx: Tx, intentId: string, now: Date): Promise<number> =>
  tx.run(sql`update payments.attempts set due_at = ${now}
    where intent_id = ${intentId} and kind = 'page' and state in ('pending', 'unknown')`)

/** Keeps the addresses of an intent watched until a later end of the intent. */
export async function extendWatches(tx: Tx, intentId: string, until: Date): Promise<void> {
  await tx.run(sql`update payments.attempts set watch_until = ${until}
    where intent_id = ${intentId} and watch_until < ${until}`)
}

/** Updates an attempt. Releases it when the holder of `held` writes, or when it is due no more. */
export async function updateAttempt(tx: Tx, row: AttemptRow, held?: Pick<AttemptRow, 'claim'>): Promise<void> {
  await tx.run(sql`update payments.attempts set state = ${row.state}, reference = ${row.reference}, redirect_url = ${row.redirectUrl},
    reason = ${row.reason}, declined = ${row.declined}, why = ${row.why}, unconfirmed = ${row.unconfirmed}, due_at = ${row.dueAt},
    claimed_by = case when ${row.dueAt === null} or claim = ${held?.claim ?? null} then null else claimed_by end,
    checks = ${row.checks}, ended_at = ${row.endedAt}, amount = ${row.amount}, address = ${row.address}, payment_uri = ${row.paymentUri},
    due = ${row.due}, address_index = ${row.addressIndex}, watch_until = ${row.watchUntil}, exchange = ${row.exchange},
    tolerance = ${row.tolerance} where id = ${row.id}`)
}

/** Makes an attempt due now, unless nothing is left to ask. */
export async function expediteAttempt(tx: Tx, { id }: Pick<AttemptRow, 'id'>, now: Date): Promise<void> {
  await tx.run(sql`update payments.attempts set due_at = least(due_at, ${now}) where id = ${id} and due_at is not null`)
}

/** Releases an attempt without another change. */
export async function releaseAttempt(tx: Tx, { id, claim }: Pick<AttemptRow, 'id' | 'claim'>): Promise<void> {
  await tx.run(sql`update payments.attempts set claimed_by = null where id = ${id} and claim = ${claim}`)
}

/**
 * Releases an attempt and postpones its next check, when there was nothing to record. Does nothing when the claim is lost. A time that was
 * set to now or earlier during the check stays.
 */
export async function postponeAttempt(
  q: Queryable,
  { id, claim, dueAt: claimedAt }: HeldAttempt,
  next: { checks: number; dueAt: Date | null; now: Date },
): Promise<void> {
  await q.run(sql`update payments.attempts set claimed_by = null, checks = ${next.checks},
      due_at = case when state = 'failed' or (state = 'settled' and due_at is null) or (due_at <> ${claimedAt} and due_at <= ${next.now})
        then due_at else ${next.dueAt} end
    where id = ${id} and claim = ${claim}`)
}

/** Locks a phone number until the transaction ends, so that two concurrent prompts cannot both pass the limit. */
export async function lockPhone(tx: Tx, phone: string): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(hashtextextended('payments.phone:' || ${phone}, 0))`)
}

/** Lists when prompts were sent to a phone after `since`, over all merchants, oldest first. */
export async function listPrompts(q: Queryable, phone: string, since: Date): Promise<Date[]> {
  const rows = await q.many<{ at: Date }>(sql`select created_at as at from payments.attempts
    where kind = 'push' and payer ->> 'phone' = ${phone} and created_at > ${since} order by created_at limit 1000`)
  return rows.map(({ at }) => at)
}

/** Finds the unclaimed attempt that has been due longest; undefined when none is due. */
export const findOldestDue = (q: Queryable, now: Date): Promise<{ dueAt: Date } | undefined> =>
  q.maybe(sql`select due_at as "dueAt" from payments.attempts
    where due_at <= ${now} and claimed_by is null order by due_at limit 1`)
