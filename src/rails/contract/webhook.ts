import type { Outcome } from './outcome.ts'

export interface Webhook {
  /** A second name for the path, `/api/webhook/<alias>/…`, where the provider minds words in it; callback URLs are built with it. */
  readonly pathAlias?: string
  /**
   * Whether the request is really the provider's. Pure and quick: it runs before the event is stored. `token` is the attempt that the path's
   * token names, already checked; undefined when the path has none or a wrong one.
   */
  verify(request: InboundRequest): Verdict
  /** What the provider wants to read once an event is stored; `{"received":true}` by default. */
  readonly accepted?: Readonly<Record<string, string | number | boolean>>
  /** What a stored event says. Throws only on an event of a shape never seen: it is then parked for a person. */
  parse(event: InboundEvent): readonly Fact[]
}

export interface InboundRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly rawBody: Buffer
  readonly tokenAttemptId: string | undefined
  /** The refund that the path's token names, already checked. */
  readonly tokenRefund?: TokenRefund | undefined
  readonly now: Date
  /** The peer's address, where the edge knows it: for logs, never a proof. */
  readonly address?: string | undefined
}

export type Verdict =
  | {
      readonly ok: true
      /** The provider's own event id; else the hash of the body is used. */ readonly eventId?: string
    }
  | { readonly ok: false; readonly status: 400 | 401 | 404; readonly why: string }

export interface InboundEvent {
  readonly rawBody: Buffer
  readonly tokenAttemptId: string | undefined
  readonly tokenRefund?: TokenRefund | undefined
  readonly receivedAt: Date
}

export interface Fact {
  /** Which attempt it is about: ours by id, by the provider's reference, or by a receipt (reversals). */
  readonly about: { readonly attemptId: string } | { readonly reference: string } | { readonly receiptId: string }
  readonly outcome: Outcome
  /** The provider's ids and payer in the event, compared with the attempt's where given. */
  readonly payerPhone?: string
  /**
   * True: ask `check` now and believe its answer. Nothing is credited on the event alone, because it is no proof (no signature) or does not
   * hold the whole story (`pending` then only means: there is news). What the event states (amount, number) fills in what `check` cannot.
   */
  readonly needsCheck: boolean
}

/** `result`: what became of it. `timeout`: the provider gave up waiting for itself. `status`: the answer to a question of ours. */
export type CallbackPurpose = 'result' | 'timeout' | 'status'

export interface TokenRefund {
  readonly refundId: string
  readonly sendingId: string
  readonly purpose: CallbackPurpose
}
