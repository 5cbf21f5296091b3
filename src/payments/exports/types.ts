import type { Money } from '#money'
import type { Queryable } from '#platform/database/db'
import type { FailureReason } from '#rails/contract'
import type { Customer, Intent, Terms } from '../intents/types.ts'
import type { RefundStatus } from '../refunds/types.ts'

export interface ExportSpan {
  readonly merchantId: string
  /** Inclusive start. */
  readonly from: Date
  /** Exclusive end. */
  readonly to: Date
  /** Rows per page, which is the number of rows in memory at once. */
  readonly pageRows?: number | undefined
}

/** A payment as one line, without attempts and receipts. */
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

/** A receipt as one line, with facts of its payment. */
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
  /** The payment topped up a customer's balance, so it is no sale. */
  readonly topUp: boolean
  readonly gross: Money
  /** In the payment's asset, like `refunded` and `reversed`. */
  readonly counted: Money
  readonly refunded: Money
  /** Refunds plus reversals by the provider. */
  readonly reversed: Money
  readonly late: boolean
  /** When the provider took the payment. */
  readonly takenAt: Date
  /** When the receipt was recorded. */
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
  /** The refunded payment topped up a customer's balance, so it was no sale. */
  readonly topUp: boolean
  readonly amount: Money
  /** `provider`: created in the provider's own dashboard. */
  readonly origin: 'merchant' | 'provider'
  readonly status: RefundStatus
  readonly note: string
  /** Rail that sends the refund, or `hand` for the operator. */
  readonly rail: string | undefined
  /** Masked phone number. */
  readonly phone: string | undefined
  readonly number: string | undefined
  readonly failure: FailureReason | undefined
  readonly createdAt: Date
  readonly endedAt: Date | undefined
}

/**
 * Exports the rows of one merchant in a time span, oldest first, page by page. A page is read only when the caller requests it. Each page is
 * a separate statement, so a slow reader holds no connection and no snapshot.
 */
export interface PaymentExports {
  /** Lists payments by creation time. */
  intents(q: Queryable, span: ExportSpan): AsyncGenerator<readonly IntentLine[]>
  /** Lists receipts by recording time, so a past time span always exports the same receipts. */
  receipts(q: Queryable, span: ExportSpan): AsyncGenerator<readonly ReceiptLine[]>
  /** Lists refunds by creation time. */
  refunds(q: Queryable, span: ExportSpan): AsyncGenerator<readonly RefundLine[]>
}
