import type { RefundOutcome } from '#rails/contract'
import type { RefundState, RefundStatus } from '../refunds/types.ts'

/** What a refund is, decided by nothing but the arguments. */

/** Under way: its money is set aside, and nothing else may take its part of the receipts. */
export const isUnderWay = (state: RefundState): boolean =>
  state === 'created' || state === 'submitting' || state === 'pending' || state === 'unknown' || state === 'claimable'

/** The provider's idempotency key of a refund's n-th sending. */
export const sendingOf = ({ id, sending }: { id: string; sending: number }): string => `${id}-${sending}`

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

/** `interrupted`: the process that called the provider is gone. */
export type RefundEvent = RefundOutcome['kind'] | 'interrupted'

/** What an event does to a refund. `conflict`: it contradicts how the refund ended, so the provider has the last word. */
export type RefundMove =
  | { readonly kind: 'none' }
  | { readonly kind: 'wait'; readonly state: 'pending' | 'unknown' }
  /** It was sent: the money is taken. */
  | { readonly kind: 'succeed' }
  /** It was not: what was set aside is free. */
  | { readonly kind: 'fail' }
  /** It was sent and came back to us. */
  | { readonly kind: 'return' }
  | { readonly kind: 'conflict' }

/**
 * Money wins: whatever was thought of a refund, one that the provider has made took the money. But news comes in any order, and a provider may
 * take back its word (a card refund that fails days later), so an old success after a failure is believed only as the answer to a question.
 */
export function moveOf(state: RefundState, event: RefundEvent, asked: boolean): RefundMove {
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
      // A link that waits was not sent anywhere: what failed is a sending before.
      return isUnderWay(state) && state !== 'claimable' ? { kind: 'fail' } : { kind: 'none' }
  }
}
