import { type Asset, money } from '#money'
import { dateOf } from '#platform/base/clock'
import type { ReceiptRow } from '../store/receipts.ts'
import type { UnitOfWork } from '../unit-of-work.ts'

export interface Excess {
  /** The entry that booked it, or whatever else names it once. */
  readonly subject: string
  readonly asset: Asset
  /** What was left to go, and what went. */
  readonly ours: bigint
  readonly theirs: bigint
}

/**
 * More went back than came: a dispute of what was refunded, a refund that was sent twice. It is booked like all money that moves, at the merchant's
 * cost, and a person is told, because only a person can get it back.
 */
export async function openExcessCase(
  { tx, context, now, intent }: Pick<UnitOfWork, 'tx' | 'context' | 'now' | 'intent'>,
  { id: receiptId, rail, railAccount }: ReceiptRow,
  { subject, asset, ours, theirs }: Excess,
): Promise<void> {
  await context.cases.open(tx, {
    rail,
    railAccount,
    day: dateOf(now, context.timeZone),
    kind: 'returned-too-much',
    subject,
    intentId: intent.id,
    merchantId: intent.merchantId,
    ours: money(asset, ours),
    theirs: money(asset, theirs),
    movedAt: now,
  })
  tx.afterCommit(() => context.log.error({ paymentId: intent.id, receiptId, subject }, 'more went back than came'))
}
