import type { CollectKind } from '#rails/contract'
import type { AttemptEvent, AttemptState } from '../attempts/types.ts'
import type { Flags, IntentStatus } from './types.ts'

/** Facts that decide an intent's status. Amounts in minor units of its asset. */
export interface IntentFacts {
  readonly amount: bigint
  /** How much less than `amount` still pays the intent. */
  readonly tolerance: bigint
  /** Amount received and not reversed. */
  readonly received: bigint
  /** Amount reversed. */
  readonly reversed: bigint
  readonly late: boolean
  readonly canceled: boolean
  readonly wasExpired: boolean
  readonly wasPaid: boolean
  readonly wasReversed: boolean
  readonly expiresAt: Date
  readonly now: Date
  /** Attempts so far, and the maximum. */
  readonly attempts: number
  readonly maxAttempts: number
  /** Live attempts that can still receive money: prompts on phones (`livePush`); pages and addresses (`livePage`). */
  readonly livePush: number
  readonly livePage: number
  /** Live attempts of any kind. */
  readonly live: number
  /** Whether a deposit or payment is not final yet. */
  readonly unconfirmed: boolean
}

export interface Axes {
  readonly money: 'none' | 'partial' | 'paid' | 'over'
  readonly finality: 'unconfirmed' | 'confirmed' | 'reversed'
  readonly time: 'open' | 'expired' | 'late'
}

/** Extra time for a payer who is on the provider's page when the intent expires. A prompt on a phone ends by itself. */
export const PAGE_GRACE_MS = 10 * 60_000

export function axesOf(facts: IntentFacts): Axes {
  return { money: moneyOf(facts), finality: finalityOf(facts), time: timeOf(facts) }
}

function moneyOf({ amount, tolerance, received, reversed, wasPaid }: IntentFacts): Axes['money'] {
  if (received === 0n) return 'none'
  const enough = amount - tolerance
  // A partial refund leaves a paid intent paid: the payer does not owe it again.
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
  // After a full reversal, only the full amount makes the intent paid again.
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

/** Returns the public status. */
export function statusOf(facts: IntentFacts): IntentStatus {
  const { money, finality, time } = axesOf(facts)
  if (money === 'paid' || money === 'over') return 'paid'
  if (finality === 'reversed') return 'reversed'
  if (facts.canceled) return 'canceled'
  if (finality === 'unconfirmed' || facts.livePush > 0) return 'processing'
  // A failed attempt leaves the intent open, because another can succeed. It fails only when no attempt is left.
  if (facts.attempts >= facts.maxAttempts && facts.live === 0 && !facts.wasExpired) return 'failed'
  return time === 'expired' || time === 'late' ? 'expired' : 'open'
}

export function flagsOf(
  facts: Pick<IntentFacts, 'amount' | 'received' | 'reversed' | 'late'> & { status: IntentStatus },
): Flags {
  const { amount, received, reversed, late, status } = facts
  // Within the tolerance the intent is paid and nothing more is due.
  const partial = received > 0n && received + reversed < amount && status !== 'paid'
  return { partial, overpaid: received > amount, late }
}

/** Returns whether no attempt can start on the intent any more. Money that still arrives is credited. */
export const isEnded = (status: IntentStatus): boolean => status !== 'open' && status !== 'processing'

/**
 * Returns whether money recorded now is late: the payer already saw that the payment had ended. An attempt under way at
 * the expiry keeps the intent from expiring, so its money is in time.
 */
export function isLate(
  intent: { status: IntentStatus; expiresAt: Date; firstExpiresAt: Date | null },
  attempt: { state: AttemptState; kind: CollectKind },
  now: Date,
): boolean {
  if (intent.status === 'expired' || intent.status === 'canceled' || intent.status === 'failed') return true
  const ended = attempt.state === 'failed' || attempt.state === 'abandoned'
  // A manual transfer extends the payment for itself only.
  const { expiresAt, firstExpiresAt } = intent
  if (attempt.kind === 'address' && firstExpiresAt && now >= firstExpiresAt && intent.status !== 'paid') return true
  const end = attempt.kind === 'transfer' ? expiresAt : (firstExpiresAt ?? expiresAt)
  return ended && intent.status !== 'paid' && now >= end
}

export const isLive = (state: AttemptState): boolean =>
  state === 'created' || state === 'submitting' || state === 'pending' || state === 'unknown'

/**
 * Returns the state after an event: the same state when nothing changes, undefined for a second submission, which must
 * not happen. Money always wins: a receipt settles an attempt in any state. An attempt that ended without money never
 * becomes live again, because the payer may have started another one.
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
