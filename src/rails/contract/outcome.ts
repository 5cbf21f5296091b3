import type { Money } from '#money'

/**
 * What a rail says. `unknown` is not failure: it means ask again, never send again.
 * `reference` is the provider's id as soon as it is known.
 */
export type Outcome =
  | {
      readonly kind: 'pending'
      readonly reference?: string
      readonly redirectUrl?: string
      readonly declined?: FailureReason
      /** Where the payer sends to, and the same with the amount for wallets and QR codes. */
      readonly address?: string
      readonly paymentUri?: string
    }
  | { readonly kind: 'unknown'; readonly why: string; readonly reference?: string }
  | { readonly kind: 'received'; readonly receipts: readonly RailReceipt[]; readonly reference?: string }
  | {
      /** Money went back, or a receipt that was seen and not final will not come: then nothing is posted. */
      readonly kind: 'reversed'
      readonly receiptId: string
      readonly amount: Money
      readonly reason: string
      readonly reversalId: string
      /** The operator gave it back by the provider's own means; otherwise the provider took it (a dispute, a failure). */
      readonly refund?: boolean
    }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly why?: string; readonly reference?: string }

/** One arrival of money. */
export interface RailReceipt {
  /** The provider's id of the attempt's payment (CheckoutRequestID, charge id): the same however often and by whatever way it is told. */
  readonly id: string
  /** A number that people see and that may come later (MpesaReceiptNumber). */
  readonly number?: string
  readonly gross: Money
  /** What the provider kept, if it says so. */
  readonly fee?: Money
  /** The provider will say later what it kept: it is asked again until it does. */
  readonly feeLater?: boolean
  readonly at: Date
  /** Only final receipts are posted. */
  readonly final: boolean
  /** How far it is on the way to final. For people. */
  readonly confirmations?: { readonly have: number; readonly need: number }
  /** Final, and may still be taken back more easily than usual. For people. */
  readonly risk?: 'unconfirmed'
  /** Whether the provider itself stated `gross`; false when it is taken from the attempt because the provider names no amount. */
  readonly stated: boolean
  /** The reversal whose money this gives back (a dispute won). It counts only once that reversal is recorded, and for no more than it took. */
  readonly returns?: string
}

/** The closed list of reasons. A provider's code that fits none is `unknown` (an outcome), not a failure. */
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
