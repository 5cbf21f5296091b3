import { type Asset, money } from '#money'
import { dateOf } from '#platform/base/clock'
import type { ReceiptRow } from '../store/receipts.ts'
import type { UnitOfWork } from '../unit-of-work.ts'

export interface Excess {
  /** Id of the entry that booked the excess, or another id that names it once. */
  readonly subject: string
  readonly asset: Asset
  /** Amount that could still be returned (`ours`), and amount that was returned (`theirs`). */
  readonly ours: bigint
  readonly theirs: bigint
}

/**
 * Opens a case for money returned beyond the receipt: a dispute of refunded money, or a refund that was sent twice. The
 * excess is booked at the merchant's cost, and an operator must recover it.
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
  tx.afterCommit(() =>
    context.log.error({ paymentId: intent.id, receiptId, subject }, 'more was returned than received'),
  )
}
