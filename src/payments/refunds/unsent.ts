import type { Work } from '../work.ts'
import { freeMoney } from './free.ts'
import type { RefundWork } from './work.ts'
import { findReceiptById, leftOf } from '../receipt-store.ts'
import { listParts, listReserving, lockRefund, updateRefund, type RefundRow } from './store.ts'
import { tellOwner } from './tell.ts'

/** Ends one that was sent nowhere: its money is the merchant's again. The caller posts. @returns the refund as it is then */
export async function endUnsent(
  work: RefundWork,
  state: 'canceled' | 'expired',
  why: string | null = null,
): Promise<RefundRow> {
  const { tx, core, now, intent, row } = work
  await freeMoney(work)
  const after: RefundRow = { ...row, state, why, held: 0n, dueAt: null, endedAt: now, version: row.version + 1 }
  await updateRefund(tx, after)
  await tellOwner(tx, core, intent.owner, after, state)
  return after
}

type Going = Pick<Work, 'tx' | 'core' | 'now' | 'intent' | 'contended' | 'transfers'>

/**
 * Before so much of a receipt goes another way that only `left` of it stays: refunds that were sent nowhere and need more than that are canceled,
 * the newest first, so that the money held for them pays for what goes. What is out cannot be called back. `except`: the refund that takes it.
 */
export async function dropUnfit(work: Going, receiptId: string, left: bigint, except = ''): Promise<void> {
  const { tx, core, intent } = work
  const reserving = (await listReserving(tx, receiptId)).filter(({ id }) => id !== except)
  let over = reserving.reduce((sum, { amount }) => sum + amount, 0n) - left
  for (const { id, amount } of reserving) {
    if (over <= 0n) return
    const row = await lockRefund(tx, id)
    if (row.state !== 'created' && row.state !== 'claimable') continue
    over -= amount
    await endUnsent({ ...work, row }, 'canceled', 'its money went back another way')
    tx.afterCommit(() =>
      core.log.warn({ refundId: id, paymentId: intent.id }, 'refund canceled: its money went back another way'),
    )
  }
}

/** Before a refund is sent: cancels it if what it gives back is not there any more. */
export async function dropGone(work: Going, refundId: string): Promise<void> {
  for (const { receiptId } of await listParts(work.tx, refundId)) {
    const receipt = await findReceiptById(work.tx, receiptId)
    if (receipt) await dropUnfit(work, receiptId, await leftOf(work.tx, receipt, work.intent))
  }
}
