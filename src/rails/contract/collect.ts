import type { Money } from '#money'
import type { Outcome } from './outcome.ts'

export type CollectKind = 'push' | 'page' | 'address' | 'transfer' | 'balance'

export interface Collect {
  /**
   * `push`: the provider prompts the payer, one live attempt per intent. `page`: the payer goes to the provider's page; never blocks. `address`:
   * the payer sends to an address of the attempt's own; passive, never blocks, told by `watch`. Payments' own: `transfer`, which the payer sends
   * by hand and a person confirms, and `balance`, the customer's prepaid one.
   */
  readonly kind: CollectKind
  /** What `payer` must hold for this rail, so that the edge can refuse early. */
  readonly needs: readonly ('phone' | 'email')[]
  /** Asks the provider to collect. Called at most once per attempt, after the attempt was committed as `submitting`. */
  start(request: CollectRequest): Promise<Outcome>
  /** Asks what became of it. May be called at any time and any number of times. */
  check(attempt: AttemptRef): Promise<Outcome>
  /**
   * Makes an attempt that nobody is to pay any more unpayable, as far as the provider lets us: `check` tells what became of it. Repeatable;
   * throws only what `check` may throw.
   */
  close?(attempt: AttemptRef): Promise<void>
  /** Waits between checks in ms, the last repeated: `[5000, 5000, 10000, …]`. */
  readonly checkAfterMs: readonly number[]
  /** After so long the provider can no longer be paid on this attempt, unless it says otherwise. */
  readonly lifetimeMs: number
  /** What the indexes of an `address` rail count in: one key's addresses. Each key counts from 0. Undefined when the rail is unavailable. */
  indexSpace?(): string | undefined
  /** The text for wallets and QR codes that asks for so much at an `address` rail's address: pure, for amounts that change after `start`. */
  uriOf?(asked: AskedAt): string
}

/** What a payer is asked to send where. */
export interface AskedAt extends Pick<CollectRequest, 'amount' | 'merchantName' | 'description'> {
  readonly address: string
}

export interface CollectRequest {
  /** Our id; the provider's idempotency key where it has one. */
  readonly attemptId: string
  readonly intentId: string
  readonly amount: Money
  readonly payer: Payer
  readonly merchantName: string
  /** Text for people: what it is for. May be empty. */
  readonly description: string
  /** Where this attempt's callbacks go. Carries the attempt's secret token: never log it. */
  readonly callbackUrl: string
  /** The hosted page, where a `page` rail sends the payer back. */
  readonly returnUrl: string
  readonly expiresAt: Date
  /** Of the attempt's address in the rail's `indexSpace`, allocated in the transaction that made the attempt. For `address` rails. */
  readonly index?: number | undefined
}

export interface Payer {
  /** E.164 without the plus, `2547XXXXXXXX`. */
  readonly phone?: string | undefined
  readonly email?: string | undefined
  readonly name?: string | undefined
}

/** What is known of an attempt when a provider is asked about it. */
export interface AttemptRef {
  readonly attemptId: string
  readonly intentId: string
  readonly amount: Money
  readonly payer: Payer
  /** The provider's id (CheckoutRequestID, cs_…); undefined when the answer to `start` was lost. */
  readonly reference: string | undefined
  readonly createdAt: Date
  /** The request as it was started: a provider with idempotency keys may be sent it again, with the same key, to learn its answer. */
  readonly request: CollectRequest
}
