import type { Outcome } from './outcome.ts'

/** Part of a rail that receives events from the provider at `/api/webhook/<rail>`. */
export interface Webhook {
  /** Second name of the path, `/api/webhook/<alias>/…`, for a provider that rejects certain words in URLs. Callback URLs use it. */
  readonly pathAlias?: string
  /**
   * Decides whether the provider sent this request. It runs before the event is stored, so it must be pure and quick, and it must not
   * throw.
   */
  verify(request: InboundRequest): Verdict
  /** Response body that the provider expects for a stored event. Default: `{"received":true}`. */
  readonly accepted?: Readonly<Record<string, string | number | boolean>>
  /** Returns the facts of a stored event. Throws only on an unknown format: the inbox then parks the event for an operator. */
  parse(event: InboundEvent): readonly Fact[]
}

export interface InboundRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly rawBody: Buffer
  /** The attempt named by the token in the path. The token is already verified. Undefined when it is missing or wrong. */
  readonly tokenAttemptId: string | undefined
  /** The refund named by the token in the path. The token is already verified. */
  readonly tokenRefund?: TokenRefund | undefined
  readonly now: Date
  /** IP address of the peer, if known. For logs only; it proves nothing. */
  readonly address?: string | undefined
}

/** Result of `verify`. On `ok: false` the sender gets `status`; `why` is for the log. */
export type Verdict =
  | {
      readonly ok: true
      /** The provider's event id. Events with the same id are handled once. Default: a hash of the body. */
      readonly eventId?: string
    }
  | { readonly ok: false; readonly status: 400 | 401 | 404; readonly why: string }

/** A stored event. */
export interface InboundEvent {
  readonly rawBody: Buffer
  readonly tokenAttemptId: string | undefined
  readonly tokenRefund?: TokenRefund | undefined
  readonly receivedAt: Date
}

/** Statement about one attempt, from an event or a poll. */
export interface Fact {
  /** The attempt: by our id, by the provider's reference, or by one of its receipts (reversals). */
  readonly about: { readonly attemptId: string } | { readonly reference: string } | { readonly receiptId: string }
  readonly outcome: Outcome
  /** The payer's phone in the event, E.164 without the plus sign. Payments compares it with the attempt's phone. */
  readonly payerPhone?: string
  /**
   * True: payments calls `check` at once and trusts only its answer. Use it when the event proves nothing (no signature) or is incomplete;
   * `pending` then means "something changed". Data of the event that `check` cannot provide (amount, number) is still used.
   */
  readonly needsCheck: boolean
}

/** `result`: the final result of a sending. `timeout`: the provider stopped waiting for its own result. `status`: the answer to `check`. */
export type CallbackPurpose = 'result' | 'timeout' | 'status'

/** The refund that a callback path names, and which callback it is. */
export interface TokenRefund {
  readonly refundId: string
  readonly sendingId: string
  readonly purpose: CallbackPurpose
}
