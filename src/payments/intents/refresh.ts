import type { Tx } from '#platform/database/db'
import { ATTEMPTS_QUEUE, type Context } from '../context.ts'
import { expeditePageChecks } from '../store/attempts.ts'
import { type IntentRow, updateIntent } from '../store/intents.ts'
import { sumIntent } from '../store/receipts.ts'
import { flagsOf, isEnded, statusOf } from './state.ts'
import { largest, merchantTolerance } from './tolerance.ts'
import type { IntentChange } from './types.ts'

export interface ObservedChange {
  /** True: a visible field of an attempt or a receipt changed. */
  readonly shows: boolean
  readonly attemptFailed?: boolean
  readonly canceledAt?: Date
  readonly late?: boolean
}

/**
 * Derives the intent's sums and status from its rows. Writes it and notifies its owner when something visible changed.
 * Returns the intent as stored.
 */
export async function refreshIntent(
  tx: Tx,
  context: Context,
  intent: IntentRow,
  now: Date,
  change: ObservedChange,
): Promise<IntentRow> {
  const sums = await sumIntent(tx, intent)
  const canceledAt = change.canceledAt ?? intent.canceledAt
  const late = intent.late || change.late === true
  const status = statusOf({
    ...sums,
    amount: intent.amount,
    tolerance: largest(sums.tolerance, merchantTolerance(intent)),
    late,
    canceled: canceledAt !== null,
    wasExpired: intent.status === 'expired',
    wasPaid: intent.status === 'paid',
    wasReversed: intent.status === 'reversed',
    expiresAt: intent.expiresAt,
    now,
    maxAttempts: context.limits.perIntent,
  })
  const { received, reversed, refunded } = sums
  const after: IntentRow = {
    ...intent,
    received,
    reversed,
    refunded,
    late,
    status,
    canceledAt,
    version: intent.version + 1,
  }
  const same =
    status === intent.status &&
    received === intent.received &&
    reversed === intent.reversed &&
    refunded === intent.refunded &&
    late === intent.late
  if (same && !change.shows) return intent
  await updateIntent(tx, after, now)
  if (isEnded(status) && !isEnded(intent.status) && sums.livePage > 0) {
    // An immediate check closes the pages: a payer must not pay a payment that is paid, canceled or expired.
    await expeditePageChecks(tx, intent.id, now)
    tx.afterCommit(() => context.jobs().wake(ATTEMPTS_QUEUE))
  }
  await notifyIntentOwner(tx, context, after, classifyChange(intent, after, change.attemptFailed === true))
  tx.afterCommit(() => context.changed(intent.id))
  return after
}

/** Enqueues the owner's job, when the owner subscribes to changes. */
export async function notifyIntentOwner(
  tx: Tx,
  context: Context,
  intent: IntentRow,
  type: IntentChange['type'] | undefined,
): Promise<void> {
  const subscriber = context.subscribers[intent.owner]
  if (!subscriber || !type) return
  const { partial, overpaid } = flagsOf(intent)
  await context
    .jobs()
    .enqueue(tx, subscriber, { intentId: intent.id, type, version: intent.version, partial, overpaid })
  tx.afterCommit(() => context.jobs().wake())
}

function classifyChange(before: IntentRow, after: IntentRow, attemptFailed: boolean): IntentChange['type'] | undefined {
  if (after.status !== before.status) return after.status === 'open' && attemptFailed ? 'attempt-failed' : after.status
  // The refund's own events report refunded money.
  if (after.reversed - before.reversed > after.refunded - before.refunded) return 'reversed'
  if (after.received > before.received) return 'received'
  return attemptFailed ? 'attempt-failed' : undefined
}
