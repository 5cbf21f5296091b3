import { refundCallbackUrl } from '#inbox'
import type { Transfer } from '#ledger'
import { money } from '#money'
import { monotonicMs } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import { isClaimHeld } from '#platform/runtime/jobs'
import { FetchError } from '#platform/web/fetch'
import type { RefundOutcome, RefundRef } from '#rails/contract'
import { type Context, railOf, transactMoney } from '../../context.ts'
import { cancelRefundIfUncovered } from '../../reservations/cancel.ts'
import { noSuchRefund } from '../../reservations/errors.ts'
import { sendingIdOf } from '../../reservations/state.ts'
import { findIntent, lockIntent } from '../../store/intents.ts'
import { findReceiptById } from '../../store/receipts.ts'
import {
  beginSending,
  findRefund,
  type HeldRefund,
  holdsSending,
  listParts,
  type RefundRow,
} from '../../store/refunds.ts'
import { recordRefund, type RefundRecorded } from './record.ts'

/**
 * Sends a refund that this process has claimed by its rail. A refund is never sent twice: only `created` can be sent, and only by the
 * holder of the claim.
 */
export async function submitRefund(context: Context, held: HeldRefund): Promise<RefundRecorded> {
  const refund = await findRefund(context.db, held.id)
  if (!refund) throw noSuchRefund()
  const current = async (): Promise<RefundRecorded> => ({ row: (await findRefund(context.db, held.id)) ?? refund })
  const holder = context.jobs().instanceId
  const sinceMs = monotonicMs()
  const begun = await transactMoney(context, (tx, contended) => begin(tx, context, refund, held, contended))
  if (!begun) return current()
  const { row, request } = begun
  // This process may have been frozen after the commit. Then another one has taken over, and asks the provider.
  if (!(await isClaimHeld(sinceMs, () => holdsSending(context.db, held, holder)))) {
    context.log.warn({ refundId: row.id, rail: row.rail }, 'not sent: another instance took over the refund')
    return current()
  }
  const outcome = await askRail(context, row, request)
  const { sending, rail } = row
  return recordRefund(context, { refund: row, outcome, from: 'send', sending, rail: rail ?? undefined, held })
}

/** Begins the sending and builds the request in one transaction, so an error of Purser leaves the refund unsent. */
async function begin(
  tx: Tx,
  context: Context,
  { id, intentId }: RefundRow,
  held: HeldRefund,
  contended: boolean,
): Promise<{ row: RefundRow; request: RefundRef } | undefined> {
  const intent = await lockIntent(tx, intentId)
  const now = context.clock.now()
  const transfers: Transfer[] = []
  if (intent) await cancelRefundIfUncovered({ tx, context, now, intent, contended, transfers }, id)
  if (transfers.length > 0) await context.ledger.post(tx, transfers)
  const row = await beginSending(tx, held, context.jobs().instanceId, now)
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
