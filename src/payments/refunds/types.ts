import type { Asset, Money } from '#money'
import type { Queryable } from '#platform/database/db'
import type { MobileCountry } from '#platform/base/phone'
import type { Secret } from '#platform/base/secrets'
import type { FailureReason } from '#rails/contract'
import type { Terms } from '../intents/types.ts'

export const REFUND_STATES = [
  'created',
  'submitting',
  'pending',
  'unknown',
  'claimable',
  'succeeded',
  'failed',
  'canceled',
  'expired',
] as const
/** Internal state. The public status of `created`, `submitting`, `pending` and `unknown` is `pending`. */
export type RefundState = (typeof REFUND_STATES)[number]

export const REFUND_STATUSES = ['pending', 'claimable', 'succeeded', 'failed', 'canceled', 'expired'] as const
export type RefundStatus = (typeof REFUND_STATUSES)[number]

export const AMOUNT_BASES = ['paid_rate', 'current_rate', 'fiat'] as const
/** Basis of the amount when the money arrived in another asset: the payment's rate, the current rate, or the payment's own currency. */
export type AmountBasis = (typeof AMOUNT_BASES)[number]

/** Money that returns to a payer. */
export interface Refund {
  /** `re_…` */
  readonly id: string
  readonly intentId: string
  readonly merchantId: string
  readonly status: RefundStatus
  readonly amount: Money
  readonly amountBasis: AmountBasis
  /** Note of the merchant. */
  readonly note: string
  /** `merchant`: requested through Purser. `provider`: created in the provider's dashboard. */
  readonly origin: 'merchant' | 'provider'
  /** `native`: to the original payment method. `claim`: by a refund link, on which the payer enters the destination. */
  readonly way: 'native' | 'claim'
  /** Sender: a rail, or `hand` for the operator. Undefined while a link waits for its payer. */
  readonly rail: string | undefined
  /** Masked phone number, `2547*****678`. */
  readonly phone: string | undefined
  /** Receipt number that people see, such as M-Pesa's. */
  readonly number: string | undefined
  /** Why the refund failed. On a link that can be used again: why its last sending failed. */
  readonly reason: FailureReason | undefined
  /** Set only while the refund is `claimable`. Anyone who knows the secret can choose the destination. */
  readonly claim: { readonly secret: Secret; readonly expiresAt: Date } | undefined
  /** Grows with every visible change. */
  readonly version: number
  readonly createdAt: Date
  readonly endedAt: Date | undefined
}

/** Possible destination of a refund link. */
export interface ClaimPlace {
  /** `phone`: a phone number. `words`: free text with the details for a manual payment. */
  readonly kind: 'phone' | 'words'
  /** The rail's name, or `hand`. */
  readonly place: string
  /** Name of the method for payers, such as `mpesa`. */
  readonly method: string
  /** Country whose mobile numbers a `phone` place takes. */
  readonly phoneCountry?: MobileCountry | undefined
}

/** Contents of a refund link's page. */
export interface Claim {
  readonly refund: Refund
  readonly terms: Terms
  readonly livemode: boolean
  readonly expiresAt: Date
  readonly places: readonly ClaimPlace[]
  /** The operator pays this refund manually. */
  readonly isManual: boolean
}

export interface NewRefund {
  readonly intentId: string
  readonly merchantId: string
  /** Undefined: everything that is refundable. */
  readonly amount?: Money | undefined
  /** Asset of uncounted money to refund, if not the payment's. Default: the asset of `amount`, else the payment's. */
  readonly asset?: Asset | undefined
  readonly note?: string | undefined
  /** `claim`: always by a refund link. `auto` (default): to the original payment method if possible, else by a refund link. */
  readonly way?: 'auto' | 'claim' | undefined
  readonly amountBasis?: AmountBasis | undefined
  /** The same key with the same hash returns the same refund, in any state. */
  readonly idempotency?: { readonly key: string; readonly hash: string } | undefined
  /** Refuses the refund if one of the same amount was created since this time. Commands use it, because they have no key. */
  readonly unlessSince?: Date | undefined
  /** Leaves the sending to the server process. Commands use it. */
  readonly later?: boolean | undefined
}

export interface RefundQuery {
  readonly merchantId: string
  readonly intentId?: string | undefined
  readonly status?: RefundStatus | undefined
  /** 1 to 100. */
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Payload of the job that notifies an owner of a refund. */
export interface RefundChange {
  readonly refundId: string
  readonly type: RefundStatus | 'created'
  readonly version: number
}

export interface Refunds {
  /**
   * Holds the money, stores the refund, and sends it or creates a link. Failures of the provider are in the refund and never thrown. Throws 404
   * `payments.not-found`; 409 `payments.nothing-to-refund`, `payments.refund-too-large`, `payments.refund-in-parts`, `payments.refund-to-balance`,
   * `payments.insufficient-balance`, `payments.refund-made-before`, `idempotency-key-reused`, all before anything was held or sent.
   */
  create(input: NewRefund): Promise<{ refund: Refund; replayed: boolean }>
  /** Finds a refund; with `merchantId`, only if it belongs to that merchant. */
  find(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Refund | undefined>
  /** Lists refunds, newest first. Throws 422 `payments.bad-cursor`, 404 `payments.not-found` for a payment that is not the merchant's. */
  list(q: Queryable, query: RefundQuery): Promise<{ items: Refund[]; nextCursor?: string }>
  /** Cancels a refund link that no payer has used. Idempotent. Throws 404 `payments.no-such-refund`, 409 `payments.refund-over`. */
  cancel(by: { id: string; merchantId: string }): Promise<Refund>
  /** Returns the refund behind a link; undefined when it does not exist or the secret is wrong. */
  findClaim(q: Queryable, by: { id: string; secret: string }): Promise<Claim | undefined>
  /**
   * Records the payer's destination, once. A second claim returns the refund unchanged. `to`: a phone number, or text for the operator.
   * Throws 404 `payments.no-such-refund`, 422 `payments.no-such-place`, `payments.bad-phone`.
   */
  claim(by: { id: string; secret: string; place: string; to: string }): Promise<Refund>
  /**
   * Records an operator's decision on a refund whose result no provider reports. `sent`: the money was sent; undefined: it was not.
   * Throws 404 `payments.no-such-refund`, 409 `payments.refund-over`, `payments.refund-in-flight`.
   */
  resolve(input: {
    id: string
    sent: { readonly number?: string | undefined } | undefined
    why: string
  }): Promise<Refund>
  /** Lists refunds that wait for an operator: to pay manually, or without an answer for an hour. Oldest first, at most 100. */
  listWaiting(q: Queryable): Promise<{ refund: Refund; destination: string | undefined }[]>
}
