import { type Context, transactMoney } from '../context.ts'
import { lockIntent } from '../store/intents.ts'
import { findReceiptById, refundableAmount } from '../store/receipts.ts'
import { listParts, listReserving, lockRefund, type RefundRow, updateRefund } from '../store/refunds.ts'
import type { UnitOfWork } from '../unit-of-work.ts'
import { notifyRefundOwner } from './refund.ts'
import { releaseReservation } from './release.ts'
import type { RefundUnit } from './unit-of-work.ts'

/** Ends a refund that was never sent, and releases its money to the merchant. The caller posts the transfers. Returns the refund after it. */
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

type ReversalUnit = Pick<UnitOfWork, 'tx' | 'context' | 'now' | 'intent' | 'contended' | 'transfers'>

/**
 * Cancels refunds that a receipt no longer covers, because a reversal leaves only `left` of it. The newest refunds are canceled first, and the
 * money on hold for them pays for the reversal. Refunds that were already sent cannot be canceled. `except`: the refund that is the reversal.
 */
export async function cancelUncoveredRefunds(
  unit: ReversalUnit,
  receiptId: string,
  left: bigint,
  except = '',
): Promise<void> {
  const { tx, context, intent } = unit
  const reserving = (await listReserving(tx, receiptId)).filter(({ id }) => id !== except)
  let uncovered = reserving.reduce((sum, { amount }) => sum + amount, 0n) - left
  for (const { id, amount } of reserving) {
    if (uncovered <= 0n) return
    const row = await lockRefund(tx, id)
    if (row.state !== 'created' && row.state !== 'claimable') continue
    uncovered -= amount
    await closeUnsentRefund({ ...unit, row }, 'canceled', 'its money was reversed in another way')
    tx.afterCommit(() =>
      context.log.warn(
        { refundId: id, paymentId: intent.id },
        'refund canceled: its money was reversed in another way',
      ),
    )
  }
}

/** Cancels a refund before it is sent, if its receipts no longer cover it. */
export async function cancelRefundIfUncovered(unit: ReversalUnit, refundId: string): Promise<void> {
  for (const { receiptId } of await listParts(unit.tx, refundId)) {
    const receipt = await findReceiptById(unit.tx, receiptId)
    if (receipt) await cancelUncoveredRefunds(unit, receiptId, await refundableAmount(unit.tx, receipt, unit.intent))
  }
}

/** Ends a refund link that no payer has used. A link that was used meanwhile does not change. Returns the refund after it. */
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
