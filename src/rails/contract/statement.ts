import type { Money } from '#money'
import type { RailReceipt } from './outcome.ts'
import type { Watched } from './watch.ts'

/** Part of a rail that lists payments from the provider's own records. Reconciliation compares the list with our receipts. */
export interface RailStatement {
  /**
   * Returns why the list cannot be read although the rail works, for example because the operator did not apply for it. Undefined when it
   * can be read. A sentence for operators.
   */
  unavailable?(): string | undefined
  /** Age in ms of the oldest payment in the list. */
  readonly reachMs: number
  /** How much later than our own time the provider may date the same money (blocks), in ms. Default: half an hour. */
  readonly lateMs?: number
  /**
   * Returns one page of the payments in a span, in any order. Extra payments outside the span do no harm. Must be safe to repeat. Throws
   * when the provider cannot answer: an error must never look like a day without payments.
   */
  list(span: StatementSpan): Promise<StatementPage>
  /**
   * Returns the receipt of a line that names its attempt; undefined while it is not final. Implement it only if the list itself proves the
   * payment. Without it, reconciliation calls `check` for the attempt.
   */
  receiptOf?(line: StatementLine, requested: Money): Promise<RailReceipt | undefined>
}

export interface StatementSpan {
  readonly from: Date
  /** Exclusive. */
  readonly to: Date
  /** Cursor of the previous page; undefined for the first page. */
  readonly cursor: string | undefined
  /** Every attempt that ever got an address, for a rail with `watch`. */
  readonly watched: readonly Watched[]
}

export interface StatementPage {
  readonly lines: readonly StatementLine[]
  /** Cursor of the next page; undefined on the last page. */
  readonly cursor: string | undefined
}

/** One payment in the provider's records. */
export interface StatementLine {
  /** The provider's id of the line. */
  readonly id: string
  /** `RailReceipt.id` of this payment, if the line states it. */
  readonly receiptId?: string
  /** Receipt number that people see, if the line states it. */
  readonly number?: string
  /** Receipt ids that the same money gets when it arrives again after a reversal, in this order. */
  readonly againIds?: readonly string[]
  readonly gross: Money
  /** Amount refunded or reversed so far, if the line states it. */
  readonly returned?: Money
  readonly at: Date
  /** Our attempt id, if the line states it. */
  readonly attemptId?: string
  /** The provider's reference of the attempt, if the line states it. */
  readonly reference?: string
  /** The payer's phone, E.164 without the plus sign, if the line states it. */
  readonly payerPhone?: string
  /** Opaque text of the rail, from which `receiptOf` finds the payment again. */
  readonly proof?: string
}
