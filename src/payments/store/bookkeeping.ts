import type { Asset } from '#money'
import { type Queryable, sql } from '#platform/database/db'
import { addMs } from '#platform/base/clock'
import { firstIdAt } from '#platform/base/ids'
import type { RailAccount } from '../bookkeeping/types.ts'
import type { AttemptRow } from './attempts.ts'
import { ID_MARGIN_MS } from './intents.ts'

export interface BookedReceiptRow {
  id: string
  providerId: string
  number: string | null
  intentId: string
  merchantId: string
  asset: Asset
  /** Amount recorded as arrived, in the asset that arrived. */
  amount: bigint
  reversed: bigint
  /** Whether `reversed` is in the asset that arrived. */
  sameAsset: boolean
  takenAt: Date
}

const BOOKED = sql`r.id, r.provider_id as "providerId", s.number, r.intent_id as "intentId", r.merchant_id as "merchantId", r.asset,
    case when r.asset = i.asset then s.counted else r.gross end as amount, s.reversed + s.excess as reversed, r.asset = i.asset as "sameAsset", r.taken_at as "takenAt"
  from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id join payments.intents i on i.id = r.intent_id`

/** Finds our receipts by the provider's ids or by the receipt numbers. */
export const findBookedReceipts = (
  q: Queryable,
  { rail, railAccount }: RailAccount,
  { ids, numbers }: { ids: readonly string[]; numbers: readonly string[] },
): Promise<BookedReceiptRow[]> =>
  q.many(sql`select ${BOOKED} where r.rail = ${rail} and r.rail_account = ${railAccount} and r.provider_id = any(${ids})
    union
    select ${BOOKED} where s.rail = ${rail} and s.rail_account = ${railAccount} and s.number = any(${numbers})`)

/** A provider's list need not contain money that it reversed completely, nor money that undid a reversal. */
const EXPECTED_IN_LIST = sql`r.returns is null and not (s.reversed > s.refunded and s.reversed - s.refunded >= s.counted)`

/** Lists the receipts of an attempt. */
export const listBookedReceiptsOf = (q: Queryable, attemptId: string): Promise<BookedReceiptRow[]> =>
  q.many(sql`select ${BOOKED} where r.attempt_id = ${attemptId} and ${EXPECTED_IN_LIST} order by r.id limit 100`)

/** A receipt is recorded after the provider took the money, by a clock that is at most this much behind the provider's. */
const CLOCKS_DIFFER_MS = 24 * 60 * 60_000

/** Returns the later of two ids, so that a page begins where the last one ended, and the first one at the start of the day. */
const latest = (a: string, b: string): string => (a > b ? a : b)

/** Lists the attempts of a day, after an id, that received money or whose outcome is unknown. */
export const listMatchableAttempts = (
  q: Queryable,
  { rail, railAccount }: RailAccount,
  { from, to, after, limit }: { from: Date; to: Date; after: string; limit: number },
): Promise<{ id: string }[]> =>
  q.many(sql`select id from payments.attempts where rail = ${rail} and rail_account = ${railAccount} and created_at >= ${from}
      and created_at < ${to} and id > ${latest(after, firstIdAt('att', addMs(from, -ID_MARGIN_MS)))}
      and id < ${firstIdAt('att', addMs(to, ID_MARGIN_MS))} and (state in ('settled', 'abandoned') or (state = 'failed' and reason = 'expired'))
    order by id limit ${limit}`)

/** Lists the receipts of a day, after an id. */
export const listBookedReceipts = (
  q: Queryable,
  { rail, railAccount }: RailAccount,
  { from, to, after, limit }: { from: Date; to: Date; after: string; limit: number },
): Promise<BookedReceiptRow[]> =>
  q.many(sql`select ${BOOKED} where r.rail = ${rail} and r.rail_account = ${railAccount} and r.taken_at >= ${from} and r.taken_at < ${to}
      and r.id > ${latest(after, firstIdAt('rcp', addMs(from, -CLOCKS_DIFFER_MS)))} and ${EXPECTED_IN_LIST}
    order by r.id limit ${limit}`)

/**
 * Finds prompts on a phone that a payment can belong to: prompts with an unknown outcome, or whose receipt has no
 * number yet. Returns at most two, because a match counts only when it is the only one.
 */
export const findMatchingPrompts = (
  q: Queryable,
  { rail, railAccount }: RailAccount,
  of: { phone: string; asset: Asset; amount: bigint; from: Date; to: Date },
): Promise<Pick<AttemptRow, 'id'>[]> =>
  q.many(sql`select a.id from payments.attempts a
    where a.kind = 'push' and a.payer ->> 'phone' = ${of.phone} and a.created_at >= ${of.from} and a.created_at < ${of.to}
      and a.rail = ${rail} and a.rail_account = ${railAccount} and a.asset = ${of.asset} and a.amount = ${of.amount}
      and (a.state in ('pending', 'unknown', 'abandoned')
        or (a.state = 'settled' and exists (select from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id
          where r.attempt_id = a.id and s.number is null)))
    limit 2`)

/**
 * Lists attempts under way since before a time, after an id: attempts that are checked again and again and never end.
 */
export const listStuck = (
  q: Queryable,
  { rail, railAccount }: RailAccount,
  { before, after, limit }: { before: Date; after: string; limit: number },
): Promise<{ id: string }[]> =>
  // Materialized, so that the indexes of waiting and of claimed attempts are used, which are small. Few attempts are under way.
  q.many(sql`with live as materialized (
      select id, state, rail, rail_account, created_at from payments.attempts where due_at is not null and claimed_by is null
      union all
      select id, state, rail, rail_account, created_at from payments.attempts where due_at is not null and claimed_by is not null)
    select id from live where state in ('submitting', 'pending', 'unknown')
      and rail = ${rail} and rail_account = ${railAccount} and created_at < ${before} and id > ${after} order by id limit ${limit}`)

/**
 * Returns whether the rail was used before the end of a day; earlier days have nothing to compare. The index on
 * references answers at once for almost every rail. Attempts with lost answers are searched only within the day.
 */
export const wasUsed = async (q: Queryable, rail: string, { from, to }: { from: Date; to: Date }): Promise<boolean> =>
  (
    await q.one<{ used: boolean }>(sql`select
      exists (select from payments.attempts where rail = ${rail} and reference is not null and created_at < ${to})
      or exists (select from payments.attempts where rail = ${rail} and id >= ${firstIdAt('att', from)} and id < ${firstIdAt('att', to)}) as used`)
  ).used
