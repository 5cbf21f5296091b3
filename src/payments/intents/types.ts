import type { Money } from '#money'
import type { Attempt } from '../attempts/types.ts'
import type { Receipt } from '../receipts/types.ts'

/** A payment intent: the amount due, its merchant, purpose and expiry. */
export interface Intent {
  /** `pay_…` */
  readonly id: string
  readonly merchantId: string
  /** Module that created the intent and is notified of its changes, such as `gateway`. */
  readonly owner: string
  readonly livemode: boolean
  readonly amount: Money
  /** Amount received and not reversed. */
  readonly received: Money
  /** Part of `reversed` that was refunded, here or at the provider, and stayed refunded. */
  readonly refunded: Money
  /** Amount returned to payers: refunds, and reversals by providers (chargeback, failed after paid). */
  readonly reversed: Money
  readonly status: IntentStatus
  readonly flags: Flags
  readonly methods: readonly string[]
  readonly description: string
  readonly reference: string | undefined
  readonly customer: Customer | undefined
  /** Whether the payment tops up the customer's prepaid balance. */
  readonly topUp: boolean
  readonly returnUrl: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly terms: Terms
  /** Grows with every visible change. */
  readonly version: number
  readonly expiresAt: Date
  /** From then until `expiresAt` only a manual transfer can pay. Undefined when no transfer extended the payment. */
  readonly onlyTransferFrom: Date | undefined
  readonly canceledAt: Date | undefined
  readonly createdAt: Date
  /** Oldest first. */
  readonly attempts: readonly Attempt[]
  /** Oldest first. Empty in lists. */
  readonly receipts: readonly Receipt[]
  /** Money in other assets that was not exchanged and counts for nothing: the remaining amount of each receipt. */
  readonly uncounted?: readonly Money[] | undefined
}

export interface Customer {
  /** The merchant's id for the customer. It selects the prepaid balance. No personal data. */
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly email?: string | undefined
  readonly phone?: string | undefined
}

/** Texts that the payer sees, as they were when the intent was created. */
export interface Terms {
  readonly merchantName: string
  readonly [name: string]: string
}

export interface NewIntent {
  readonly merchantId: string
  readonly owner: string
  readonly livemode: boolean
  readonly amount: Money
  /** Methods that the payer can choose from; at least one. */
  readonly methods: readonly string[]
  readonly description?: string | undefined
  readonly reference?: string | undefined
  readonly customer?: Customer | undefined
  readonly returnUrl?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly terms: Terms
  readonly expiresAt: Date
  /** Credits the payment to the prepaid balance of `customer.id`, which is then required, instead of the merchant. */
  readonly topUp?: boolean | undefined
  /** Whether to notify the owner's job of the creation too. Costs an outbox row. */
  readonly announce?: boolean | undefined
}

export interface ListQuery {
  readonly merchantId: string
  /** 1 to 100. */
  readonly limit: number
  /** `nextCursor` of the previous page. */
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
  /** Amount that the merchant owes after reversals. Later receipts repay it first. */
  readonly debt: Money
}

export interface Figures {
  /** Number of all payments. */
  readonly total: number
  /** Number of payments since the requested time. */
  readonly since: number
  /** Attempts of the last 24 hours that ended, and those that received money, among the newest 10,000 attempts. */
  readonly ended: number
  readonly succeeded: number
}

/** Payload of the owner's job. `type` is the new status, or the event when the status stayed. */
export interface IntentChange {
  readonly intentId: string
  readonly type: IntentStatus | 'created' | 'received' | 'attempt-failed'
  readonly version: number
  /** Value at this change. When the job runs, the intent may have changed again. */
  readonly partial: boolean
  readonly overpaid: boolean
}

/**
 * Public statuses of an intent. One pure function (state.ts) derives them from three axes that never overwrite each
 * other: money, finality and time. Late money on an expired payment is therefore neither lost nor hidden.
 */

export const INTENT_STATUSES = ['open', 'processing', 'paid', 'expired', 'canceled', 'failed', 'reversed'] as const

export type IntentStatus = (typeof INTENT_STATUSES)[number]

export interface Flags {
  /** Part of the amount arrived. */
  readonly partial: boolean
  /** More than the amount arrived. */
  readonly overpaid: boolean
  /** True: money arrived after the intent had ended. */
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
