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
/** `created`, `submitting`, `pending` and `unknown` are `pending` to others. */
export type RefundState = (typeof REFUND_STATES)[number]

export const REFUND_STATUSES = ['pending', 'claimable', 'succeeded', 'failed', 'canceled', 'expired'] as const
export type RefundStatus = (typeof REFUND_STATUSES)[number]

export const AMOUNT_BASES = ['paid_rate', 'current_rate', 'fiat'] as const
/** How the amount is worked out when the money came in another asset: at the rate of the payment, of now, or in the payment's own currency. */
export type AmountBasis = (typeof AMOUNT_BASES)[number]

/** Money that goes back to a payer. */
export interface Refund {
  /** `re_…` */
  readonly id: string
  readonly intentId: string
  readonly merchantId: string
  readonly status: RefundStatus
  readonly amount: Money
  readonly amountBasis: AmountBasis
  /** The merchant's own words. */
  readonly note: string
  /** Made by the merchant here, or at the provider without us. */
  readonly origin: 'merchant' | 'provider'
  /** `native`: the way the money came. `claim`: the payer says where to, by a link. */
  readonly way: 'native' | 'claim'
  /** Who sends it: a rail, `hand` (the operator); undefined while a link waits for its payer. */
  readonly rail: string | undefined
  /** Masked, `2547*****678`. */
  readonly phone: string | undefined
  /** The number that people see (M-Pesa’s receipt). */
  readonly number: string | undefined
  /** Why it failed; on a link that can be used again, why its last sending did. */
  readonly reason: FailureReason | undefined
  /** Only while it is `claimable`. Whoever knows the secret says where the money goes. */
  readonly claim: { readonly secret: Secret; readonly expiresAt: Date } | undefined
  /** Grows with every change that shows. */
  readonly version: number
  readonly createdAt: Date
  readonly endedAt: Date | undefined
}

/** Where the money of a claim can go. */
export interface ClaimPlace {
  /** `phone`: a phone number. `words`: whatever the operator needs to pay by hand. */
  readonly kind: 'phone' | 'words'
  /** The rail's name, or `hand`. */
  readonly place: string
  /** As payers know it: `mpesa`. */
  readonly method: string
  /** Country whose mobile numbers a `phone` place takes. */
  readonly phoneCountry?: MobileCountry | undefined
}

/** What a refund's link leads to. */
export interface Claim {
  readonly refund: Refund
  readonly terms: Terms
  readonly livemode: boolean
  readonly expiresAt: Date
  readonly places: readonly ClaimPlace[]
  /** The operator pays it. */
  readonly byHand: boolean
}

export interface NewRefund {
  readonly intentId: string
  readonly merchantId: string
  /** All that is left when undefined. */
  readonly amount?: Money | undefined
  /** Another than the payment's: of the money that came in it and counts for nothing. That of `amount`, else the payment's by default. */
  readonly asset?: Asset | undefined
  readonly note?: string | undefined
  /** `claim`: by a link in any case. `auto` (default): the way the money came where that can be done, else by a link. */
  readonly way?: 'auto' | 'claim' | undefined
  readonly amountBasis?: AmountBasis | undefined
  /** The same key with the same hash is the same refund, whatever became of it. */
  readonly idempotency?: { readonly key: string; readonly hash: string } | undefined
  /** Refused when another of the same amount was made of the payment since then: for commands, which have no key. */
  readonly unlessSince?: Date | undefined
  /** Leaves the sending to the running program: for commands. */
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

/** Payload of the job that an owner is told of refunds by. */
export interface RefundChange {
  readonly refundId: string
  readonly type: RefundStatus | 'created'
  readonly version: number
}

export interface Refunds {
  /**
   * Holds the money, stores the refund and sends it, or makes a link. What the provider did is in the refund, never thrown. Throws 404
   * `payments.not-found`; 409 `payments.nothing-to-refund`, `payments.refund-too-large`, `payments.refund-in-parts`, `payments.refund-to-balance`,
   * `payments.insufficient-balance`, `payments.refund-made-before`, `idempotency-key-reused`, all before anything was held or sent.
   */
  create(input: NewRefund): Promise<{ refund: Refund; replayed: boolean }>
  find(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Refund | undefined>
  /** Newest first. Throws 422 `payments.bad-cursor`, 404 `payments.not-found` for a payment that is not the merchant's. */
  list(q: Queryable, query: RefundQuery): Promise<{ items: Refund[]; nextCursor?: string }>
  /** Takes a link back that nobody has used. Repeatable. Throws 404 `payments.no-such-refund`, 409 `payments.refund-over`. */
  cancel(by: { id: string; merchantId: string }): Promise<Refund>
  /** What a link leads to; undefined when there is none or the secret is wrong. */
  findClaim(q: Queryable, by: { id: string; secret: string }): Promise<Claim | undefined>
  /**
   * The payer says where the money goes: once, whoever comes second gets the refund as it is. `to`: a phone number, or words for a person.
   * Throws 404 `payments.no-such-refund`, 422 `payments.no-such-place`, `payments.bad-phone`.
   */
  claim(by: { id: string; secret: string; place: string; to: string }): Promise<Refund>
  /**
   * An operator's word on one that no provider can tell of: paid by hand, or looked up at the provider. Throws 404 `payments.no-such-refund`, 409
   * `payments.refund-over`, `payments.refund-in-flight`.
   */
  resolve(input: {
    id: string
    sent: { readonly number?: string | undefined } | undefined
    why: string
  }): Promise<Refund>
  /** Those that wait for an operator: to be paid by hand, or with no answer for an hour. Oldest first, 100 at most. */
  listWaiting(q: Queryable): Promise<{ refund: Refund; destination: string | undefined }[]>
}
