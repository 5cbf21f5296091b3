import { money, type Asset } from '#money'
import { dateOf } from '#platform/clock'
import { openCase } from './reconciliation/case-store.ts'
import type { ReceiptRow } from './receipt-store.ts'
import type { Work } from './work.ts'

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
export async function tellExcess(
  { tx, core, now, intent }: Pick<Work, 'tx' | 'core' | 'now' | 'intent'>,
  { id: receiptId, rail, railAccount }: ReceiptRow,
  { subject, asset, ours, theirs }: Excess,
): Promise<void> {
  await openCase(
    tx,
    {
      id: core.ids.next('rec'),
      rail,
      railAccount,
      day: dateOf(now, core.timeZone),
      kind: 'returned-too-much',
      subject,
      intentId: intent.id,
      ours: money(asset, ours),
      theirs: money(asset, theirs),
      movedAt: now,
    },
    now,
  )
  tx.afterCommit(() => core.log.error({ paymentId: intent.id, receiptId, subject }, 'more went back than came'))
}
