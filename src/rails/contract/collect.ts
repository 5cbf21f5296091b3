import type { Money } from '#money'
import type { Outcome } from './outcome.ts'

/**
 * How the payer pays.
 *
 * - `push`: the provider prompts the payer's phone. An intent has one live attempt at a time.
 * - `page`: the payer pays on the provider's page. Does not block other attempts.
 * - `address`: the payer sends to an address that belongs to this attempt. `watch` reports the money. Does not block other attempts.
 * - `transfer`: the payer sends a bank transfer, and an operator confirms it. Implemented by payments, not by a rail.
 * - `balance`: the customer pays from a prepaid balance. Implemented by payments, not by a rail.
 */
export type CollectKind = 'push' | 'page' | 'address' | 'transfer' | 'balance'

/** Part of a rail that collects money from payers. */
export interface Collect {
  readonly kind: CollectKind
  /** Fields of `payer` that this rail requires. The API refuses an attempt without them. */
  readonly needs: readonly ('phone' | 'email')[]
  /**
   * Asks the provider to collect. Payments calls it at most once per attempt, after it committed the attempt as `submitting`. Only an
   * interrupted `address` attempt is started again, because the same `index` gives the same address. Returns `failed` only when the
   * provider certainly did not act; in doubt returns `unknown`. Does not throw for provider errors.
   */
  start(request: CollectRequest): Promise<Outcome>
  /**
   * Queries the attempt's state at the provider. Must be safe to call at any time and any number of times. Returns `unknown` with the known
   * `reference` when the provider gives no usable response. Does not throw for provider errors.
   */
  check(attempt: AttemptRef): Promise<Outcome>
  /**
   * Makes an expired or canceled attempt unpayable, as far as the provider allows it. `check` reports the result. Must be safe to repeat.
   * Throws only errors that `check` may throw.
   */
  close?(attempt: AttemptRef): Promise<void>
  /** Delays between checks in ms; the last one repeats: `[5000, 5000, 10000, …]`. */
  readonly checkAfterMs: readonly number[]
  /** Time in ms after which the payer can no longer pay this attempt, unless the provider reports otherwise. */
  readonly lifetimeMs: number
  /**
   * Returns the id of the key that `index` counts addresses of (`address` rails). Each key counts from 0. Undefined while the rail is
   * unavailable.
   */
  indexSpace?(): string | undefined
  /**
   * Returns the payment URI for an address and an amount (`address` rails). Must be a pure function: payments calls it again when the
   * amount due changes after `start`.
   */
  uriOf?(input: PaymentUriInput): string
}

/** Content of a payment URI. */
export interface PaymentUriInput extends Pick<CollectRequest, 'amount' | 'merchantName' | 'description'> {
  readonly address: string
}

/** Input of `start`. */
export interface CollectRequest {
  /** Our id of the attempt. Use it as the provider's idempotency key where the provider has one. */
  readonly attemptId: string
  readonly intentId: string
  readonly amount: Money
  readonly payer: Payer
  readonly merchantName: string
  /** Text for people that describes the purchase. May be empty. */
  readonly description: string
  /** URL for this attempt's callbacks. It contains the attempt's secret token: never log it. */
  readonly callbackUrl: string
  /** The checkout page. A `page` rail sends the payer back to it. */
  readonly returnUrl: string
  readonly expiresAt: Date
  /** Index of the attempt's address in `indexSpace` (`address` rails). Payments allocates it in the transaction that creates the attempt. */
  readonly index?: number | undefined
}

export interface Payer {
  /** E.164 without the plus sign, `2547XXXXXXXX`. */
  readonly phone?: string | undefined
  readonly email?: string | undefined
  readonly name?: string | undefined
}

/** Input of `check` and `close`: the data that payments stored about an attempt. */
export interface AttemptRef {
  readonly attemptId: string
  readonly intentId: string
  readonly amount: Money
  readonly payer: Payer
  /** The provider's id (CheckoutRequestID, cs_…). Undefined when the response to `start` was lost. */
  readonly reference: string | undefined
  readonly createdAt: Date
  /** The original request. With a provider that has idempotency keys, send it again with the same key to recover a lost response. */
  readonly request: CollectRequest
}
