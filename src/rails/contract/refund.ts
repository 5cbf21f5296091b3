import type { Asset, Money } from '#money'
import type { AmountLimits } from './limits.ts'
import type { FailureReason } from './outcome.ts'
import type { CallbackPurpose, InboundEvent } from './webhook.ts'

/** The part of a rail's contract that gives money back. */

/** Gives money back. As with `Collect`: stored first, sent once, and `unknown` means ask again, never send again. */
export interface Refunding {
  /** `receipt`: back the way that one receipt came (a card). `phone`: to a phone, the payer's or one that the payer names. */
  readonly to: 'receipt' | 'phone'
  /** Why it cannot be done now, though the rail works otherwise. A sentence for operators. */
  unavailable(): string | undefined
  /** Smallest and largest amount of one refund, and the step between amounts, in minor units. */
  limits(asset: Asset): AmountLimits
  /** For `receipt`: whether this receipt of the rail can be given back that way. All of them by default. */
  takes?(receiptId: string): boolean
  /** Sends it. Called at most once per `sendingId`, after that was committed as `submitting`. */
  send(request: RefundRequest): Promise<RefundOutcome>
  /** Asks what became of it. May be called any number of times. `pending` may also mean that the answer comes by webhook. */
  check(refund: RefundRef): Promise<RefundOutcome>
  /** Waits between checks in ms, the last repeated. */
  readonly checkAfterMs: readonly number[]
  /** What a stored event says of refunds. Throws only on an event of a shape never seen. */
  parse?(event: InboundEvent): readonly RefundFact[]
  /** All refunds of a receipt that the provider knows, ours and others'. Throws when it cannot be asked. */
  list?(receiptId: string): Promise<readonly ProviderRefund[]>
}

export interface RefundRequest {
  readonly refundId: string
  /** Ours, of this sending: the provider's idempotency key. */
  readonly sendingId: string
  readonly intentId: string
  readonly amount: Money
  /** The provider's id of the receipt, for `receipt`. */
  readonly receiptId: string | undefined
  /** MSISDN in digits, for `phone`. */
  readonly phone: string | undefined
  readonly merchantName: string
  /** Where the provider tells what became of it. Each carries a secret token of its own: never log them. */
  readonly callbackUrl: (purpose: CallbackPurpose) => string
}

/** What is known of a refund when a provider is asked about it. */
export interface RefundRef extends RefundRequest {
  /** The provider's id of it; undefined when the answer to `send` was lost. */
  readonly reference: string | undefined
  readonly sentAt: Date
}

/** What became of a refund. `failed` only when surely no money went, or it came back. */
export type RefundOutcome =
  | { readonly kind: 'pending'; readonly reference?: string }
  | {
      readonly kind: 'unknown'
      readonly why: string
      readonly reference?: string
      /** The provider answered, and knows no such refund: proof of nothing by itself. */
      readonly absent?: boolean
    }
  | { readonly kind: 'succeeded'; readonly reference: string; readonly number?: string }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly why?: string; readonly reference?: string }

/** A refund as the provider knows it. */
export interface ProviderRefund {
  /** The provider's id of it. */
  readonly reference: string
  /** Ours, where it was made by us. */
  readonly refundId: string | undefined
  readonly receiptId: string
  readonly amount: Money
  readonly outcome: RefundOutcome
}

/** `told`: proven, and all there is to say. `sending`: about one that we sent, named by its token. `news`: the receipt's refunds are to be listed. */
export type RefundFact =
  | { readonly kind: 'told'; readonly refund: ProviderRefund }
  | {
      readonly kind: 'sending'
      readonly refundId: string
      readonly sendingId: string
      readonly outcome: RefundOutcome
      readonly amount?: Money
      /** True: the event proves nothing, so `check` is asked at once. False: it answers a question of ours. */
      readonly needsCheck: boolean
    }
  | { readonly kind: 'news'; readonly receiptId: string }
