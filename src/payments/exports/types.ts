import type { Money } from '#money'
import type { Queryable } from '#platform/database/db'
import type { FailureReason } from '#rails/contract'
import type { Customer, Intent, Terms } from '../intents/types.ts'
import type { RefundStatus } from '../refunds/types.ts'

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
