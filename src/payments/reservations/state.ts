import type { RefundOutcome } from '#rails/contract'
import type { RefundState, RefundStatus } from '../refunds/types.ts'

/** Pure functions on the state of a refund. */

/** Returns whether a refund has not ended. Its money is on hold, and its share of the receipts is reserved. */
export const isUnderWay = (state: RefundState): boolean =>
  state === 'created' || state === 'submitting' || state === 'pending' || state === 'unknown' || state === 'claimable'

/** Returns the provider's idempotency key for the refund's current sending. */
export const sendingIdOf = ({ id, sending }: { id: string; sending: number }): string => `${id}-${sending}`

/** Maps the internal state to the public status. */
export function statusOfRefund(state: RefundState): RefundStatus {
  switch (state) {
    case 'created':
    case 'submitting':
    case 'pending':
    case 'unknown':
      return 'pending'
    case 'claimable':
    case 'succeeded':
    case 'failed':
    case 'canceled':
    case 'expired':
      return state
  }
}

/** `interrupted`: the process that called the provider died. */
export type RefundEvent = RefundOutcome['kind'] | 'interrupted'

/** Effect of an event on a refund. `conflict`: the event contradicts the final state, so the provider must be queried. */
export type RefundMove =
  | { readonly kind: 'none' }
  | { readonly kind: 'wait'; readonly state: 'pending' | 'unknown' }
  /** The refund was sent: debit the merchant. */
  | { readonly kind: 'succeed' }
  /** The refund was not sent: release the hold. */
  | { readonly kind: 'fail' }
  /** The refund was sent and its money was returned. */
  | { readonly kind: 'return' }
  | { readonly kind: 'conflict' }

/**
 * Decides the effect of an event. A refund that the provider sent always debits the merchant, whatever state was recorded before. But events
 * arrive in any order, and a provider may revoke a success (a card refund that fails days later). A success after a failure therefore counts
 * only as the answer to a query (`asked`); otherwise it is a conflict.
 */
export function decideRefundMove(state: RefundState, event: RefundEvent, asked: boolean): RefundMove {
  switch (event) {
    case 'pending':
      return state === 'submitting' || state === 'unknown' ? { kind: 'wait', state: 'pending' } : { kind: 'none' }
    case 'unknown':
    case 'interrupted':
      return state === 'submitting' ? { kind: 'wait', state: 'unknown' } : { kind: 'none' }
    case 'succeeded':
      if (state === 'succeeded') return { kind: 'none' }
      return isUnderWay(state) || asked ? { kind: 'succeed' } : { kind: 'conflict' }
    case 'failed':
      if (state === 'succeeded') return { kind: 'return' }
      // A claimable link was not sent, so the failure belongs to an earlier sending.
      return isUnderWay(state) && state !== 'claimable' ? { kind: 'fail' } : { kind: 'none' }
  }
}
