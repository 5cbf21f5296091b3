import type { Asset } from '#money'
import { type Queryable, sql } from '#platform/database/db'
import type { FailureReason } from '#rails/contract'
import type { Customer, IntentStatus, Terms } from '../intents/types.ts'
import type { RefundState } from '../refunds/types.ts'

/** One page of an export, oldest first. Pages go by id, and ids are in the order of time. */
export interface ExportPage {
  readonly merchantId: string
  /** Included. */
  readonly from: Date
  /** Not included. */
  readonly to: Date
  /** Range of ids, both ends excluded. */
  readonly after: string
  readonly before: string
  readonly limit: number
}

export interface IntentLineRow {
  id: string
  livemode: boolean
  asset: Asset
  amount: bigint
  received: bigint
  refunded: bigint
  reversed: bigint
  late: boolean
  status: IntentStatus
  description: string
  reference: string | null
  customer: Customer | null
  metadata: Record<string, string>
  terms: Terms
  account: string
  expiresAt: Date
  canceledAt: Date | null
  version: number
  createdAt: Date
}

export const listIntentLines = (q: Queryable, page: ExportPage): Promise<IntentLineRow[]> =>
  q.many(sql`select id, livemode, asset, amount, received, refunded, reversed, late, status, description, reference, customer, metadata, terms, account,
      expires_at as "expiresAt", canceled_at as "canceledAt", version, created_at as "createdAt"
    from payments.intents
    where merchant_id = ${page.merchantId} and id > ${page.after} and id < ${page.before}
      and created_at >= ${page.from} and created_at < ${page.to}
    order by id limit ${page.limit}`)

export interface ReceiptLineRow {
  id: string
  intentId: string
  attemptId: string
  livemode: boolean
  method: string
  number: string | null
  reference: string | null
  terms: Terms
  account: string
  asset: Asset
  gross: bigint
  intentAsset: Asset
  counted: bigint
  refunded: bigint
  reversed: bigint
  late: boolean
  takenAt: Date
  recordedAt: Date
}

export const listReceiptLines = (q: Queryable, page: ExportPage): Promise<ReceiptLineRow[]> =>
  q.many(sql`select r.id, r.intent_id as "intentId", r.attempt_id as "attemptId", i.livemode, a.method, s.number, i.reference, i.terms, i.account, r.asset, r.gross,
      i.asset as "intentAsset", s.counted, s.refunded, s.reversed, r.late, r.taken_at as "takenAt", r.created_at as "recordedAt"
    from payments.receipts r
    join payments.receipt_states s on s.receipt_id = r.id
    join payments.intents i on i.id = r.intent_id
    join payments.attempts a on a.id = r.attempt_id
    where r.merchant_id = ${page.merchantId} and r.id > ${page.after} and r.id < ${page.before}
      and r.created_at >= ${page.from} and r.created_at < ${page.to}
    order by r.id limit ${page.limit}`)

export interface RefundLineRow {
  id: string
  intentId: string
  livemode: boolean
  reference: string | null
  terms: Terms
  account: string
  asset: Asset
  amount: bigint
  origin: 'merchant' | 'provider'
  state: RefundState
  note: string
  rail: string | null
  phone: string | null
  number: string | null
  failure: FailureReason | null
  createdAt: Date
  endedAt: Date | null
}

export const listRefundLines = (q: Queryable, page: ExportPage): Promise<RefundLineRow[]> =>
  q.many(sql`select f.id, f.intent_id as "intentId", i.livemode, i.reference, i.terms, i.account, f.asset, f.amount, f.origin, f.state, f.note, f.rail, f.phone, f.number,
      f.reason as failure, f.created_at as "createdAt", f.ended_at as "endedAt"
    from payments.refunds f join payments.intents i on i.id = f.intent_id
    where f.merchant_id = ${page.merchantId} and f.id > ${page.after} and f.id < ${page.before}
      and f.created_at >= ${page.from} and f.created_at < ${page.to}
    order by f.id limit ${page.limit}`)
