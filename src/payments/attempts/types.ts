import type { Money } from '#money'
import type { MobileCountry } from '#platform/base/phone'
import type { AmountLimits, CollectKind, FailureReason, Outcome, Payer } from '#rails/contract'
import type { Exchange } from '../exchange/types.ts'

/** One try on one rail. */
export interface Attempt {
  /** `att_…` */
  readonly id: string
  readonly intentId: string
  readonly method: string
  readonly rail: string
  /** `push`: the payer was prompted. `page`: the payer goes to `redirectUrl`. `address`, `transfer`: the payer sends to `address`. */
  readonly kind: CollectKind
  /** What was asked for: in another asset than the intent's where the rail takes only that. */
  readonly amount: Money
  readonly status: AttemptState
  /** Why it failed. */
  readonly reason: FailureReason | undefined
  /** The last refusal on an attempt that can still be paid (a card page lets the payer try another card). */
  readonly declined: FailureReason | undefined
  readonly redirectUrl: string | undefined
  /** Where the payer sends to: of a transfer, lines of text. */
  readonly address: string | undefined
  /** What the payer writes on a transfer. */
  readonly code: string | undefined
  /** When the payer said that a transfer was sent. */
  readonly sentAt: Date | undefined
  /** Asks a wallet for what is due; undefined when nothing is. */
  readonly paymentUri: string | undefined
  /** Of the amount, what is still to be sent to the address. */
  readonly due: Money | undefined
  /** The rate that the amount was made by, when it is in another asset than the intent's. */
  readonly exchange: Exchange | undefined
  /** Money that was seen at the address, final or not, oldest first. */
  readonly deposits: readonly Deposit[]
  /** Masked, `2547*****678`. */
  readonly phone: string | undefined
  /** When the payer can no longer pay on it: the end of a prompt, the last day of a transfer. Undefined when only the provider knows. */
  readonly endsAt: Date | undefined
  readonly createdAt: Date
}

/** Money that was seen at an address. */
export interface Deposit {
  /** Of the receipt that it is or will be: `txid:vout`. */
  readonly providerId: string
  readonly attemptId: string
  readonly amount: Money
  /** `seen`: not final. `final`: counted. `gone`: replaced, or taken back. */
  readonly state: 'seen' | 'final' | 'gone'
  readonly late: boolean
  /** When it was first seen. */
  readonly at: Date
  readonly confirmations: { readonly have: number; readonly need: number } | undefined
  /** Final, and easier to take back than usual. */
  readonly risk: 'unconfirmed' | undefined
}

export interface PaymentMethod {
  readonly method: string
  readonly rail: string
  readonly kind: CollectKind
  readonly needs: readonly ('phone' | 'email')[]
  /** Country whose mobile numbers the method takes, when it needs a phone. */
  readonly phoneCountry?: MobileCountry | undefined
  readonly limits: AmountLimits
  /** Whether a started attempt can be ended at the provider, so that the payer can choose another method. */
  readonly closes: boolean
  /** Why it cannot be used now. */
  readonly unavailable: string | undefined
}

export interface StartAttempt {
  readonly intentId: string
  /** The authenticated merchant. Without it the attempt is public (the hosted page), and the limits of public attempts hold. */
  readonly merchantId?: string | undefined
  readonly method: string
  readonly payer: Payer
  /** The hosted page, where a `page` rail sends the payer back. */
  readonly returnUrl: string
  /** The caller's own name for this request: with the same one the same attempt is given again for 30 days, whatever became of it. */
  readonly requestKey?: string | undefined
}

export const ATTEMPT_STATES = ['created', 'submitting', 'pending', 'unknown', 'settled', 'failed', 'abandoned'] as const

export type AttemptState = (typeof ATTEMPT_STATES)[number]

/** Against prompting strangers' phones and trying out stolen cards. The limit per address is the page's. */
export interface AttemptLimits {
  /** Attempts that an intent may have at all, by whomever. */
  readonly perIntent: number
  /** Prompts on one phone within the window, over all merchants, before public attempts are refused. */
  readonly promptsPerPhone: number
  readonly promptWindowMs: number
  /** Refusals of one intent within the window, before public attempts are refused. */
  readonly declinesPerIntent: number
  readonly declineWindowMs: number
  /** Phones that belong to nobody, which the simulator answers for. */
  readonly exemptPhone?: (phone: string) => boolean
}

/** `claim`: about to call the rail. `interrupted`: the process that called it is gone. `abandon`: nobody can find out. */
export type AttemptEvent = Outcome['kind'] | 'claim' | 'interrupted' | 'abandon'
