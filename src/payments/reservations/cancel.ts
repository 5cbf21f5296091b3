import { type Context, transactMoney } from '../context.ts'
import { lockIntent } from '../store/intents.ts'
import { findReceiptById, refundableAmount } from '../store/receipts.ts'
import { listParts, listReserving, lockRefund, type RefundRow, updateRefund } from '../store/refunds.ts'
import type { UnitOfWork } from '../unit-of-work.ts'
import { notifyRefundOwner } from './refund.ts'
import { releaseReservation } from './release.ts'
import type { RefundUnit } from './unit-of-work.ts'

/** Ends one that was sent nowhere: its money is the merchant's again. The caller posts. @returns the refund as it is then */
async function closeUnsentRefund(
  unit: RefundUnit,
  state: 'canceled' | 'expired',
  why: string | null = null,
): Promise<RefundRow> {
  const { tx, context, now, intent, row } = unit
  await releaseReservation(unit)
  const after: RefundRow = { ...row, state, why, held: 0n, dueAt: null, endedAt: now, version: row.version + 1 }
  await updateRefund(tx, after)
  await notifyRefundOwner(tx, context, intent.owner, after, state)
  return after
}

type Going = Pick<UnitOfWork, 'tx' | 'context' | 'now' | 'intent' | 'contended' | 'transfers'>

/**
 * Before so much of a receipt goes another way that only `left` of it stays: refunds that were sent nowhere and need more than that are canceled,
 * the newest first, so that the money held for them pays for what goes. What is out cannot be called back. `except`: the refund that takes it.
 */
export async function cancelUncoveredRefunds(unit: Going, receiptId: string, left: bigint, except = ''): Promise<void> {
  const { tx, context, intent } = unit
  const reserving = (await listReserving(tx, receiptId)).filter(({ id }) => id !== except)
  let over = reserving.reduce((sum, { amount }) => sum + amount, 0n) - left
  for (const { id, amount } of reserving) {
    if (over <= 0n) return
    const row = await lockRefund(tx, id)
    if (row.state !== 'created' && row.state !== 'claimable') continue
    over -= amount
    await closeUnsentRefund({ ...unit, row }, 'canceled', 'its money went back another way')
    tx.afterCommit(() =>
      context.log.warn({ refundId: id, paymentId: intent.id }, 'refund canceled: its money went back another way'),
    )
  }
}

/** Before a refund is sent: cancels it if what it gives back is not there any more. */
export async function cancelRefundIfUncovered(unit: Going, refundId: string): Promise<void> {
  for (const { receiptId } of await listParts(unit.tx, refundId)) {
    const receipt = await findReceiptById(unit.tx, receiptId)
    if (receipt) await cancelUncoveredRefunds(unit, receiptId, await refundableAmount(unit.tx, receipt, unit.intent))
  }
}

/** Ends a link that waits for its payer; one that was used meanwhile stays as it is. @returns the refund as it is then */
export const endClaim = (
  context: Context,
  { id, intentId }: RefundRow,
  state: 'canceled' | 'expired',
): Promise<RefundRow> =>
  transactMoney(context, async (tx, contended) => {
    const intent = await lockIntent(tx, intentId)
    const row = await lockRefund(tx, id)
    if (!intent || row.state !== 'claimable') return row
    const now = context.clock.now()
    const unit: RefundUnit = { tx, context, now, intent, row, contended, transfers: [] }
    const after = await closeUnsentRefund(unit, state)
    if (unit.transfers.length > 0) await context.ledger.post(tx, unit.transfers)
    return after
  })
