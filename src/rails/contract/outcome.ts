import type { Money } from '#money'

/**
 * State of an attempt as the provider reports it. `reference` is the provider's id; a rail sets it as soon as it knows it.
 *
 * - `pending`: the payer has not paid yet, or the provider is still processing.
 * - `unknown`: the rail does not know whether money moved. Payments polls the attempt and never sends it again. `unknown` is not a failure.
 * - `received`: money arrived, or is on its way (`final: false`).
 * - `reversed`: received money was returned to the payer, or a receipt that was not final will not arrive.
 * - `failed`: the provider certainly did not start, or it states that no money moved.
 */
export type Outcome =
  | {
      readonly kind: 'pending'
      readonly reference?: string
      /** The provider's page where the payer pays. */
      readonly redirectUrl?: string
      /** Reason of the last decline. The payer can pay again on the same attempt. */
      readonly declined?: FailureReason
      /** Address that the payer sends to (`address` rails). */
      readonly address?: string
      /** The address and the amount as a URI, for wallets and QR codes. */
      readonly paymentUri?: string
    }
  | { readonly kind: 'unknown'; readonly why: string; readonly reference?: string }
  | { readonly kind: 'received'; readonly receipts: readonly RailReceipt[]; readonly reference?: string }
  | {
      /** Reverses a final receipt. If the receipt was not final, payments posts nothing. */
      readonly kind: 'reversed'
      readonly receiptId: string
      readonly amount: Money
      /** Text for operators. */
      readonly reason: string
      /** The provider's id of this reversal. Payments records each id once. */
      readonly reversalId: string
      /** True: the operator refunded it with the provider's own tools. Otherwise the provider reversed it (dispute, failure). */
      readonly refund?: boolean
    }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly why?: string; readonly reference?: string }

/** One arrival of money. */
export interface RailReceipt {
  /**
   * The provider's id of the payment (CheckoutRequestID, charge id). It must be the same in each report of this money: `check`, webhook,
   * `poll` and statement. Payments counts each id once.
   */
  readonly id: string
  /** Receipt number that people see, such as MpesaReceiptNumber. It may be reported later than the money. */
  readonly number?: string
  readonly gross: Money
  /** Fee that the provider deducted, if the provider states it. */
  readonly fee?: Money
  /** True: the provider states the fee later. Payments calls `check` again until `fee` is set. */
  readonly feeLater?: boolean
  /** Time of arrival. */
  readonly at: Date
  /** True: payments posts the receipt. A receipt becomes final once and stays final. */
  readonly final: boolean
  /** Confirmations so far, and confirmations that make it final. Shown to people. */
  readonly confirmations?: { readonly have: number; readonly need: number }
  /** Marks a final receipt that is easier to reverse than usual. Shown to people. */
  readonly risk?: 'unconfirmed'
  /** True: the provider stated `gross`. False: the rail took it from the attempt, because the provider states no amount. */
  readonly stated: boolean
  /**
   * Id of the reversal whose money this receipt returns, for example after a won dispute. Payments counts it only after that reversal is
   * recorded, and at most up to the reversed amount.
   */
  readonly returns?: string
}

/** Closed list of failure reasons. A provider code that matches none of them is the outcome `unknown`, not a failure. */
export const FAILURE_REASONS = [
  'insufficient-funds',
  'canceled-by-payer',
  'no-response',
  'wrong-pin',
  'declined',
  'expired',
  'limit-exceeded',
  'invalid-phone',
  'authentication-failed',
  'provider-rejected',
  'provider-unavailable',
  'not-received',
] as const
export type FailureReason = (typeof FAILURE_REASONS)[number]
