import type { AttemptEvent, AttemptState } from '../attempts/types.ts'
import type { Flags, IntentStatus } from './types.ts'

/** What is known of an intent, in minor units of its asset. */
export interface IntentFacts {
  readonly amount: bigint
  /** How much less than the amount still pays it. */
  readonly tolerance: bigint
  /** What arrived and was not taken back. */
  readonly received: bigint
  /** What was taken back. */
  readonly reversed: bigint
  readonly late: boolean
  readonly canceled: boolean
  readonly wasExpired: boolean
  readonly wasPaid: boolean
  readonly wasReversed: boolean
  readonly expiresAt: Date
  readonly now: Date
  /** Attempts made so far, and how many an intent may have. */
  readonly attempts: number
  readonly maxAttempts: number
  /** Attempts that may still bring money by themselves: a prompt on a phone; a page that the payer is on, or an address. */
  readonly livePush: number
  readonly livePage: number
  /** Attempts that are under way, of whatever kind. */
  readonly live: number
  /** Money was seen that is not final yet. */
  readonly unconfirmed: boolean
}

export interface Axes {
  readonly money: 'none' | 'partial' | 'paid' | 'over'
  readonly finality: 'unconfirmed' | 'confirmed' | 'reversed'
  readonly time: 'open' | 'expired' | 'late'
}

/** A payer who is on the provider's page when the time ends is given so long to finish; a prompt on a phone ends by itself. */
export const PAGE_GRACE_MS = 10 * 60_000

export function axesOf(facts: IntentFacts): Axes {
  return { money: moneyOf(facts), finality: finalityOf(facts), time: timeOf(facts) }
}

function moneyOf({ amount, tolerance, received, reversed, wasPaid }: IntentFacts): Axes['money'] {
  if (received === 0n) return 'none'
  const enough = amount - tolerance
  // Once all of it came, a part that goes back leaves it paid: a refund is no new debt of the payer.
  if (received < enough) return wasPaid && received + reversed >= enough ? 'paid' : 'partial'
  return received <= amount ? 'paid' : 'over'
}

function finalityOf({
  amount,
  tolerance,
  received,
  reversed,
  unconfirmed,
  wasReversed,
}: IntentFacts): Axes['finality'] {
  // Once all of it went, only all of it anew makes it paid again.
  if (reversed > 0n && (received === 0n || (wasReversed && received < amount - tolerance))) return 'reversed'
  return unconfirmed ? 'unconfirmed' : 'confirmed'
}

function timeOf({ late, wasExpired, expiresAt, now, livePush, livePage }: IntentFacts): Axes['time'] {
  if (late) return 'late'
  if (wasExpired) return 'expired'
  const overdueMs = now.getTime() - expiresAt.getTime()
  if (overdueMs < 0 || livePush > 0) return 'open'
  return livePage > 0 && overdueMs < PAGE_GRACE_MS ? 'open' : 'expired'
}

/** The one word that the public sees. */
export function statusOf(facts: IntentFacts): IntentStatus {
  const { money, finality, time } = axesOf(facts)
  if (money === 'paid' || money === 'over') return 'paid'
  if (finality === 'reversed') return 'reversed'
  if (facts.canceled) return 'canceled'
  if (finality === 'unconfirmed' || facts.livePush > 0) return 'processing'
  // A failed attempt leaves the intent open, because another may succeed; only when none is left has it failed.
  if (facts.attempts >= facts.maxAttempts && facts.live === 0 && !facts.wasExpired) return 'failed'
  return time === 'expired' || time === 'late' ? 'expired' : 'open'
}

export function flagsOf(
  facts: Pick<IntentFacts, 'amount' | 'received' | 'reversed' | 'late'> & { status: IntentStatus },
): Flags {
  const { amount, received, reversed, late, status } = facts
  // Within the tolerance it is paid, and nothing is asked for any more.
  const partial = received > 0n && received + reversed < amount && status !== 'paid'
  return { partial, overpaid: received > amount, late }
}

/** Whether nothing can be started on the intent any more. Money that comes is still credited. */
export const isOver = (status: IntentStatus): boolean => status !== 'open' && status !== 'processing'

/**
 * Whether money recorded now is late: the payer had been told that the payment is over. An attempt that was under way when the time ended
 * keeps the intent from expiring, so its money is in time.
 */
export function isLate(intent: { status: IntentStatus; expiresAt: Date }, attempt: AttemptState, now: Date): boolean {
  if (intent.status === 'expired' || intent.status === 'canceled' || intent.status === 'failed') return true
  const ended = attempt === 'failed' || attempt === 'abandoned'
  return ended && intent.status !== 'paid' && now >= intent.expiresAt
}

export const isLive = (state: AttemptState): boolean =>
  state === 'created' || state === 'submitting' || state === 'pending' || state === 'unknown'

/**
 * The state after an event; the same state when the event changes nothing; undefined when it must not happen, which is only a second
 * submission. Money always wins: whatever we thought of an attempt, a receipt settles it. What ended without money never comes
 * to life again, because the payer may have begun another attempt since.
 */
export function nextState(state: AttemptState, event: AttemptEvent): AttemptState | undefined {
  switch (event) {
    case 'claim':
      return state === 'created' ? 'submitting' : undefined
    case 'received':
      return 'settled'
    case 'reversed':
      return state
    case 'pending':
      return state === 'submitting' || state === 'unknown' ? 'pending' : state
    case 'unknown':
      return state === 'submitting' ? 'unknown' : state
    case 'interrupted':
      return state === 'submitting' ? 'unknown' : state
    case 'failed':
      return state === 'settled' ? state : 'failed'
    case 'abandon':
      return state === 'pending' || state === 'unknown' ? 'abandoned' : state
  }
}
