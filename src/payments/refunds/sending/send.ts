import { refundCallbackUrl } from '#inbox'
import type { Transfer } from '#ledger'
import { money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import { FetchError } from '#platform/web/fetch'
import type { RefundOutcome, RefundRef } from '#rails/contract'
import { type Context, railOf, transactMoney } from '../../context.ts'
import { cancelRefundIfUncovered } from '../../reservations/cancel.ts'
import { noSuchRefund } from '../../reservations/errors.ts'
import { sendingIdOf } from '../../reservations/state.ts'
import { findIntent, lockIntent } from '../../store/intents.ts'
import { findReceiptById } from '../../store/receipts.ts'
import { claimSending, findRefund, listParts, type RefundRow } from '../../store/refunds.ts'
import { recordRefund } from './record.ts'

/** Lease of a sending. A process that records no answer within it counts as interrupted. */
export const SEND_LEASE_MS = 90_000

/**
 * Claims the refund and sends it by its rail, unless another process claimed it. Only `created` refunds can be claimed, so a crash after
 * the claim never sends a refund twice.
 */
export async function submitRefund(context: Context, id: string): Promise<RefundRow> {
  const refund = await findRefund(context.db, id)
  if (!refund) throw noSuchRefund()
  const claimed = await transactMoney(context, (tx, contended) => claim(tx, context, refund, contended))
  if (!claimed) return (await findRefund(context.db, id)) ?? refund
  const { row, request } = claimed
  const outcome = await askRail(context, row, request)
  const { sending, rail } = row
  return (await recordRefund(context, { refund: row, outcome, from: 'send', sending, rail: rail ?? undefined })).row
}

/** Claims the refund and builds the request in one transaction, so an error of Purser leaves the refund unsent. */
async function claim(
  tx: Tx,
  context: Context,
  { id, intentId }: RefundRow,
  contended: boolean,
): Promise<{ row: RefundRow; request: RefundRef } | undefined> {
  const intent = await lockIntent(tx, intentId)
  const now = context.clock.now()
  const transfers: Transfer[] = []
  if (intent) await cancelRefundIfUncovered({ tx, context, now, intent, contended, transfers }, id)
  if (transfers.length > 0) await context.ledger.post(tx, transfers)
  const row = await claimSending(tx, id, now, addMs(now, SEND_LEASE_MS))
  return row && { row, request: await refundRefOf(context, row, tx) }
}

async function askRail(context: Context, row: RefundRow, request: RefundRef): Promise<RefundOutcome> {
  const refunding = railOf(context, row.rail ?? '')?.refund
  if (!refunding)
    return { kind: 'failed', reason: 'provider-unavailable', why: 'not sent: the rail is no longer configured' }
  try {
    return await refunding.send(request)
  } catch (error) {
    const { id: refundId, intentId: paymentId, rail } = row
    context.log.warn({ refundId, paymentId, rail, error }, 'rail did not answer')
    if (error instanceof FetchError && !error.maybeSent)
      return { kind: 'failed', reason: 'provider-unavailable', why: error.code }
    return { kind: 'unknown', why: error instanceof FetchError ? error.code : 'the rail threw' }
  }
}

/** Builds the rail's request from rows that do not change while the refund is pending. */
export async function refundRefOf(context: Context, row: RefundRow, q: Queryable = context.db): Promise<RefundRef> {
  const intent = await findIntent(q, row.intentId)
  const [part] = await listParts(q, row.id)
  const receipt = part && (await findReceiptById(q, part.receiptId))
  const rail = railOf(context, row.rail ?? '') ?? { name: row.rail ?? '' }
  const sendingId = sendingIdOf(row)
  return {
    refundId: row.id,
    sendingId,
    intentId: row.intentId,
    amount: money(row.asset, row.amount),
    receiptId: receipt?.providerId,
    phone: row.phone ?? undefined,
    merchantName: intent?.terms.merchantName ?? '',
    callbackUrl: (purpose) => refundCallbackUrl(context.publicUrl(), context.callbackKey, rail, { sendingId, purpose }),
    reference: row.reference ?? undefined,
    sentAt: row.submittedAt ?? row.createdAt,
  }
}
