import type { Money } from '#money'
import type { Attempt } from '../attempts/types.ts'
import type { Receipt } from '../receipts/types.ts'

/** What is owed, to whom, for what, until when. */
export interface Intent {
  /** `pay_…` */
  readonly id: string
  readonly merchantId: string
  /** The module that made it and hears of its changes: `gateway`. */
  readonly owner: string
  readonly livemode: boolean
  readonly amount: Money
  /** What arrived and was not taken back. */
  readonly received: Money
  /** What of `reversed` was given back on purpose, by refunds here or at the provider, and stayed so. */
  readonly refunded: Money
  /** What went back to payers: refunds, and what providers took back (chargeback, failed after paid). */
  readonly reversed: Money
  readonly status: IntentStatus
  readonly flags: Flags
  readonly methods: readonly string[]
  readonly description: string
  readonly reference: string | undefined
  readonly customer: Customer | undefined
  /** What is paid goes to the customer's prepaid balance. */
  readonly topUp: boolean
  readonly returnUrl: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly terms: Terms
  /** Grows with every change that shows. */
  readonly version: number
  readonly expiresAt: Date
  readonly canceledAt: Date | undefined
  readonly createdAt: Date
  /** Oldest first. */
  readonly attempts: readonly Attempt[]
  /** Oldest first. Empty in lists. */
  readonly receipts: readonly Receipt[]
  /** Money that came in another asset, was not exchanged and counts for nothing: what of each arrival is left. */
  readonly uncounted?: readonly Money[] | undefined
}

export interface Customer {
  /** The merchant's own name for them: says whose prepaid balance it is. No personal data. */
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly email?: string | undefined
  readonly phone?: string | undefined
}

/** What the payer is shown, as it was when the intent was made. */
export interface Terms {
  readonly merchantName: string
  readonly [name: string]: string
}

export interface NewIntent {
  readonly merchantId: string
  readonly owner: string
  readonly livemode: boolean
  readonly amount: Money
  /** The methods the payer may choose from; at least one. */
  readonly methods: readonly string[]
  readonly description?: string | undefined
  readonly reference?: string | undefined
  readonly customer?: Customer | undefined
  readonly returnUrl?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly terms: Terms
  readonly expiresAt: Date
  /** What is paid goes to the prepaid balance of `customer.id`, which must be there, and not to the merchant. */
  readonly topUp?: boolean | undefined
  /** Whether the owner's job is told of the creation too. Costs an outbox row. */
  readonly announce?: boolean | undefined
}

export interface ListQuery {
  readonly merchantId: string
  /** 1 to 100. */
  readonly limit: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
  readonly status?: IntentStatus | undefined
  readonly reference?: string | undefined
  /** `terms.store`. */
  readonly store?: string | undefined
  /** Included. */
  readonly createdFrom?: Date | undefined
  /** Not included. */
  readonly createdTo?: Date | undefined
}

export interface MerchantBalance {
  readonly currency: string
  readonly available: Money
  readonly pending: Money
  /** What the merchant owes after reversals; repaid first by later receipts. */
  readonly debt: Money
}

export interface Figures {
  /** Payments ever made. */
  readonly total: number
  /** Payments made since the time asked for. */
  readonly since: number
  /** Attempts begun in the last 24 hours that ended, and those that brought money. Of the newest 10,000 attempts. */
  readonly ended: number
  readonly succeeded: number
}

/** Payload of the job that an owner is told of changes by. `type` is the new status, or what happened while the status stayed. */
export interface IntentChange {
  readonly intentId: string
  readonly type: IntentStatus | 'created' | 'received' | 'attempt-failed'
  readonly version: number
  /** As of this change: when the job runs, the intent may have gone on. */
  readonly partial: boolean
  readonly overpaid: boolean
}

/**
 * What a payment is, decided in one place and by nothing but its arguments. An intent has three axes that never overwrite each other:
 * money, finality and time. The public status is derived from them, so that late money on an expired payment is neither lost nor hidden.
 */

export const INTENT_STATUSES = ['open', 'processing', 'paid', 'expired', 'canceled', 'failed', 'reversed'] as const

export type IntentStatus = (typeof INTENT_STATUSES)[number]

export interface Flags {
  /** Some of the amount arrived, not all. */
  readonly partial: boolean
  /** More than the amount arrived. */
  readonly overpaid: boolean
  /** Money came when the intent was over. */
  readonly late: boolean
}

/** An intent to create. With `idempotency`, the same key and hash replay the first result. */
export type CreateIntent = NewIntent & {
  readonly idempotency?: { readonly key: string; readonly hash: string } | undefined
}

export interface CreatedIntent {
  readonly intent: Intent
  readonly replayed: boolean
}
