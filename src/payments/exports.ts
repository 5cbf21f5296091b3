import { money, type Money } from '#money'
import { addMs } from '#platform/clock'
import type { Queryable } from '#platform/db'
import { firstIdAt } from '#platform/ids'
import { isCustomers } from './postings.ts'
import { maskPhone } from './attempt-store.ts'
import {
  pageOfIntentLines,
  pageOfReceiptLines,
  pageOfRefundLines,
  type IntentLineRow,
  type PageOf,
  type ReceiptLineRow,
  type RefundLineRow,
} from './export-store.ts'
import type { Customer, Intent, Terms } from './face.ts'
import { ID_MARGIN_MS } from './intent-store.ts'
import type { FailureReason } from '#rails/contract'
import type { RefundStatus } from './refunds/face.ts'
import { statusOfRefund } from './refunds/state.ts'
import { flagsOf } from './state.ts'

export interface ExportSpan {
  readonly merchantId: string
  /** Included. */
  readonly from: Date
  /** Not included. */
  readonly to: Date
  /** Rows of one page: so many are in memory at once. */
  readonly pageRows?: number | undefined
}

/** A payment as one line: without its attempts and receipts. */
export type IntentLine = Pick<
  Intent,
  | 'id'
  | 'livemode'
  | 'amount'
  | 'received'
  | 'refunded'
  | 'reversed'
  | 'status'
  | 'flags'
  | 'description'
  | 'reference'
  | 'metadata'
  | 'terms'
  | 'expiresAt'
  | 'canceledAt'
  | 'version'
  | 'createdAt'
  | 'topUp'
> & { readonly customer: Customer | undefined }

/** A receipt as one line, with what is worth knowing of its payment. */
export interface ReceiptLine {
  readonly id: string
  readonly intentId: string
  readonly attemptId: string
  readonly livemode: boolean
  readonly method: string
  readonly number: string | undefined
  /** The merchant's own name for the payment, and the payment's terms. */
  readonly reference: string | undefined
  readonly terms: Terms
  /** It filled a customer's balance: no sale. */
  readonly topUp: boolean
  readonly gross: Money
  /** In the payment's asset, as are the sums below. */
  readonly counted: Money
  readonly refunded: Money
  /** Refunds and what the provider took back, together. */
  readonly reversed: Money
  readonly late: boolean
  /** When the provider took it. */
  readonly takenAt: Date
  /** When it was entered in the books. */
  readonly recordedAt: Date
}

/** A refund as one line. */
export interface RefundLine {
  readonly id: string
  readonly intentId: string
  readonly livemode: boolean
  /** The merchant's own name for the payment, and the payment's terms. */
  readonly reference: string | undefined
  readonly terms: Terms
  /** Of a payment that filled a customer's balance: no sale. */
  readonly topUp: boolean
  readonly amount: Money
  /** `provider`: made in the provider's own dashboard. */
  readonly origin: 'merchant' | 'provider'
  readonly status: RefundStatus
  readonly note: string
  /** Who sends it. */
  readonly rail: string | undefined
  /** Masked. */
  readonly phone: string | undefined
  readonly number: string | undefined
  readonly failure: FailureReason | undefined
  readonly createdAt: Date
  readonly endedAt: Date | undefined
}

/**
 * All of a merchant in a time, oldest first, page by page: nothing is read before it is asked for, and nothing goes on when the reader
 * stops. Each page is a statement of its own, so a slow reader holds no connection and no snapshot.
 */
export interface PaymentExports {
  /** By the time of their creation. */
  intents(q: Queryable, span: ExportSpan): AsyncGenerator<readonly IntentLine[]>
  /** By the time at which they were recorded: what was exported once for a time that is over stays the same list. */
  receipts(q: Queryable, span: ExportSpan): AsyncGenerator<readonly ReceiptLine[]>
  /** By the time of their creation. */
  refunds(q: Queryable, span: ExportSpan): AsyncGenerator<readonly RefundLine[]>
}

const PAGE_ROWS = 1000

export const paymentExports: PaymentExports = {
  intents: (q, span) => pagesOf('pay', span, async (page) => (await pageOfIntentLines(q, page)).map(intentLineOf)),
  receipts: (q, span) => pagesOf('rcp', span, async (page) => (await pageOfReceiptLines(q, page)).map(receiptLineOf)),
  refunds: (q, span) => pagesOf('re', span, async (page) => (await pageOfRefundLines(q, page)).map(refundLineOf)),
}

async function* pagesOf<Line extends { readonly id: string }>(
  prefix: string,
  { merchantId, from, to, pageRows: limit = PAGE_ROWS }: ExportSpan,
  read: (page: PageOf) => Promise<readonly Line[]>,
): AsyncGenerator<readonly Line[]> {
  const before = firstIdAt(prefix, addMs(to, ID_MARGIN_MS))
  let after = firstIdAt(prefix, addMs(from, -ID_MARGIN_MS))
  for (;;) {
    const lines = await read({ merchantId, from, to, after, before, limit })
    const last = lines.at(-1)
    if (!last) return
    yield lines
    if (lines.length < limit) return
    after = last.id
  }
}

const intentLineOf = (row: IntentLineRow): IntentLine => ({
  id: row.id,
  livemode: row.livemode,
  amount: money(row.asset, row.amount),
  received: money(row.asset, row.received),
  refunded: money(row.asset, row.refunded),
  reversed: money(row.asset, row.reversed),
  status: row.status,
  flags: flagsOf(row),
  description: row.description,
  reference: row.reference ?? undefined,
  customer: row.customer ?? undefined,
  metadata: row.metadata,
  terms: row.terms,
  topUp: isCustomers(row.account),
  expiresAt: row.expiresAt,
  canceledAt: row.canceledAt ?? undefined,
  version: row.version,
  createdAt: row.createdAt,
})

const receiptLineOf = (row: ReceiptLineRow): ReceiptLine => ({
  id: row.id,
  intentId: row.intentId,
  attemptId: row.attemptId,
  livemode: row.livemode,
  method: row.method,
  number: row.number ?? undefined,
  reference: row.reference ?? undefined,
  terms: row.terms,
  topUp: isCustomers(row.account),
  gross: money(row.asset, row.gross),
  counted: money(row.intentAsset, row.counted),
  refunded: money(row.intentAsset, row.refunded),
  reversed: money(row.intentAsset, row.reversed),
  late: row.late,
  takenAt: row.takenAt,
  recordedAt: row.recordedAt,
})

const refundLineOf = (row: RefundLineRow): RefundLine => ({
  id: row.id,
  intentId: row.intentId,
  livemode: row.livemode,
  reference: row.reference ?? undefined,
  terms: row.terms,
  topUp: isCustomers(row.account),
  amount: money(row.asset, row.amount),
  origin: row.origin,
  status: statusOfRefund(row.state),
  note: row.note,
  rail: row.rail ?? undefined,
  phone: row.phone === null ? undefined : maskPhone(row.phone),
  number: row.number ?? undefined,
  failure: row.failure ?? undefined,
  createdAt: row.createdAt,
  endedAt: row.endedAt ?? undefined,
})
