import type { Money } from '#money'
import type { MobileCountry } from '#platform/base/phone'
import type { AmountLimits, CollectKind, FailureReason, Outcome, Payer } from '#rails/contract'
import type { Exchange } from '../exchange/types.ts'

/** One attempt to collect an intent on one rail. */
export interface Attempt {
  /** `att_…` */
  readonly id: string
  readonly intentId: string
  readonly method: string
  readonly rail: string
  /**
   * `push`: the payer gets a prompt. `page`: the payer goes to `redirectUrl`. `address`, `transfer`: the payer sends to
   * `address`.
   */
  readonly kind: CollectKind
  /** Requested amount. In another asset than the intent's when the rail accepts only that asset. */
  readonly amount: Money
  readonly status: AttemptState
  /** Why it failed. */
  readonly reason: FailureReason | undefined
  /** The last refusal on an attempt that can still be paid (a card page lets the payer try another card). */
  readonly declined: FailureReason | undefined
  readonly redirectUrl: string | undefined
  /** Destination of the money: an address, or the bank instructions of a transfer as lines of text. */
  readonly address: string | undefined
  /** Payment code that the payer writes on a transfer. */
  readonly code: string | undefined
  /** When the payer reported that the transfer was sent. */
  readonly sentAt: Date | undefined
  /** Payment URI that a wallet opens for the amount due; undefined when nothing is due. */
  readonly paymentUri: string | undefined
  /** Amount still to be sent to the address. */
  readonly due: Money | undefined
  /** Exchange that produced the amount, when it is in another asset than the intent's. */
  readonly exchange: Exchange | undefined
  /** Deposits at the address, confirmed or not, oldest first. */
  readonly deposits: readonly Deposit[]
  /** Masked, `2547*****678`. */
  readonly phone: string | undefined
  /**
   * Time after which the payer can no longer pay: the end of a prompt, the last day of a transfer. Undefined when only
   * the provider knows.
   */
  readonly endsAt: Date | undefined
  readonly createdAt: Date
}

/** A deposit at an address. */
export interface Deposit {
  /** Provider id of the receipt, now or later: `txid:vout`. */
  readonly providerId: string
  readonly attemptId: string
  readonly amount: Money
  /** `seen`: not final yet. `final`: counted. `gone`: replaced, or removed by a reorg. */
  readonly state: 'seen' | 'final' | 'gone'
  readonly late: boolean
  /** Time at which the deposit was first seen. */
  readonly at: Date
  readonly confirmations: { readonly have: number; readonly need: number } | undefined
  /** Set on final money that is easier to reverse than usual. */
  readonly risk: 'unconfirmed' | undefined
}

export interface PaymentMethod {
  readonly method: string
  readonly rail: string
  readonly kind: CollectKind
  readonly needs: readonly ('phone' | 'email')[]
  /** Country of the accepted mobile numbers, when the method needs a phone. */
  readonly phoneCountry?: MobileCountry | undefined
  readonly limits: AmountLimits
  /** Whether a started attempt can be ended at the provider, so that the payer can choose another method. */
  readonly closes: boolean
  /** Reason when the method cannot be used now. */
  readonly unavailable: string | undefined
}

export interface StartAttempt {
  readonly intentId: string
  /**
   * Authenticated merchant. Without one the attempt is public (hosted page), and the limits for public attempts apply.
   */
  readonly merchantId?: string | undefined
  readonly method: string
  readonly payer: Payer
  /** URL of the hosted page. A `page` rail returns the payer there. */
  readonly returnUrl: string
  /** Idempotency key of the caller. The same key returns the same attempt for 30 days, whatever its state. */
  readonly requestKey?: string | undefined
}

export const ATTEMPT_STATES = ['created', 'submitting', 'pending', 'unknown', 'settled', 'failed', 'abandoned'] as const

export type AttemptState = (typeof ATTEMPT_STATES)[number]

/**
 * Limits against prompts to strangers' phones and against card testing. The hosted page limits requests per IP address.
 */
export interface AttemptLimits {
  /** Maximum attempts of an intent, public or authenticated. */
  readonly perIntent: number
  /** Maximum prompts to one phone within the window, over all merchants. Public attempts above it are refused. */
  readonly promptsPerPhone: number
  readonly promptWindowMs: number
  /** Maximum declines of one intent within the window. Public attempts above it are refused. */
  readonly declinesPerIntent: number
  readonly declineWindowMs: number
  /** Returns whether a phone is one of the simulator's test numbers, which no limit protects. */
  readonly exemptPhone?: (phone: string) => boolean
}

/**
 * `claim`: the rail is about to be called. `interrupted`: the calling process died. `abandon`: no outcome can be found.
 */
export type AttemptEvent = Outcome['kind'] | 'claim' | 'interrupted' | 'abandon'
