import type { Asset, Money } from '#money'
import type { AmountLimits } from './limits.ts'
import type { FailureReason } from './outcome.ts'
import type { CallbackPurpose, InboundEvent } from './webhook.ts'

/**
 * Part of a rail that refunds money. It follows the rule of `Collect`: payments stores the sending first and sends it once. After `unknown`
 * payments polls and never sends again.
 */
export interface Refunding {
  /** `receipt`: refunds to the source of one receipt (a card). `phone`: pays to a phone, the payer's or one that the payer enters. */
  readonly to: 'receipt' | 'phone'
  /** Returns why refunds are unavailable, even if the rail works otherwise; undefined when they are available. A sentence for operators. */
  unavailable(): string | undefined
  /** Limits of one refund, in minor units. */
  limits(asset: Asset): AmountLimits
  /** Returns whether this receipt can be refunded to its source (`to: 'receipt'`). Default: every receipt can. */
  takes?(receiptId: string): boolean
  /**
   * Sends the refund. Payments calls it at most once per `sendingId`, after it committed the sending as `submitting`. Returns `failed` only
   * when the provider certainly did not act; in doubt returns `unknown`. Does not throw for provider errors.
   */
  send(request: RefundRequest): Promise<RefundOutcome>
  /**
   * Queries the refund's state at the provider. Must be safe to call any number of times. `pending` may also mean that the answer arrives by
   * webhook. Does not throw for provider errors.
   */
  check(refund: RefundRef): Promise<RefundOutcome>
  /** Delays between checks in ms; the last one repeats. */
  readonly checkAfterMs: readonly number[]
  /** Returns the refund facts of a stored event. Throws only on an unknown format. */
  parse?(event: InboundEvent): readonly RefundFact[]
  /** Returns all refunds of a receipt at the provider, including refunds that Purser did not create. Throws when the provider cannot answer. */
  list?(receiptId: string): Promise<readonly ProviderRefund[]>
}

/** Input of `send`. */
export interface RefundRequest {
  readonly refundId: string
  /** Our id of this sending. Use it as the provider's idempotency key. */
  readonly sendingId: string
  readonly intentId: string
  readonly amount: Money
  /** The provider's id of the receipt (`to: 'receipt'`). */
  readonly receiptId: string | undefined
  /** Phone number, E.164 without the plus sign (`to: 'phone'`). */
  readonly phone: string | undefined
  readonly merchantName: string
  /** Returns the URL for a callback. Each URL contains its own secret token: never log it. */
  readonly callbackUrl: (purpose: CallbackPurpose) => string
}

/** Input of `check`: the data that payments stored about a sending. */
export interface RefundRef extends RefundRequest {
  /** The provider's id of the refund. Undefined when the response to `send` was lost. */
  readonly reference: string | undefined
  readonly sentAt: Date
}

/** State of a refund. `failed` means that certainly no money moved, or that the money was returned. */
export type RefundOutcome =
  | { readonly kind: 'pending'; readonly reference?: string }
  | {
      readonly kind: 'unknown'
      readonly why: string
      readonly reference?: string
      /** True: the provider answered that it has no such refund. This alone does not prove that nothing was sent. */
      readonly absent?: boolean
    }
  | { readonly kind: 'succeeded'; readonly reference: string; readonly number?: string }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly why?: string; readonly reference?: string }

/** A refund as the provider reports it. */
export interface ProviderRefund {
  /** The provider's id of the refund. */
  readonly reference: string
  /** Our id of the refund. Undefined when Purser did not create it. */
  readonly refundId: string | undefined
  readonly receiptId: string
  readonly amount: Money
  readonly outcome: RefundOutcome
}

/**
 * Statement about refunds, from an event.
 *
 * - `observed`: the event proves the refund's state; no further query is needed.
 * - `sending`: the event is about a refund sending of Purser, named by the token in its path.
 * - `changed`: the refunds of a receipt changed. Payments calls `list`.
 */
export type RefundFact =
  | { readonly kind: 'observed'; readonly refund: ProviderRefund }
  | {
      readonly kind: 'sending'
      readonly refundId: string
      readonly sendingId: string
      readonly outcome: RefundOutcome
      readonly amount?: Money
      /** True: the event proves nothing, so payments calls `check` at once. False: the event answers our own query. */
      readonly needsCheck: boolean
    }
  | { readonly kind: 'changed'; readonly receiptId: string }
