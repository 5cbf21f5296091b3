import { money } from '#money'
import { addMs } from '#platform/clock'
import { FetchError } from '#platform/fetch'
import { refundCallbackUrl } from '../callback.ts'
import { railOf, type Core } from '../core.ts'
import { findIntent } from '../intent-store.ts'
import type { RefundOutcome, RefundRef } from '../rail.ts'
import { findReceiptById } from '../receipt-store.ts'
import { noSuchRefund } from './errors.ts'
import { recordRefund } from './record.ts'
import { claimSending, findRefund, listParts, type RefundRow } from './store.ts'

/** A process that took the right to send has so long to come back with an answer; then the sending counts as interrupted. */
const SEND_LEASE_MS = 90_000

/**
 * Asks the rail, unless somebody else has taken that right. Whatever happens to this process from here on, the refund is never sent twice: only
 * `created` can be claimed.
 */
export async function submitRefund(core: Core, id: string): Promise<RefundRow> {
  const now = core.clock.now()
  const claimed = await claimSending(core.db, id, now, addMs(now, SEND_LEASE_MS))
  if (!claimed) return (await findRefund(core.db, id)) ?? Promise.reject(noSuchRefund())
  const outcome = await askRail(core, claimed)
  return (await recordRefund(core, { refund: claimed, outcome, from: 'send' })).row
}

async function askRail(core: Core, row: RefundRow): Promise<RefundOutcome> {
  const refunding = railOf(core, row.rail ?? '')?.refund
  if (!refunding) return { kind: 'failed', reason: 'provider-unavailable', why: 'not sent: the rail is gone' }
  try {
    return await refunding.send(await refundRefOf(core, row))
  } catch (error) {
    const { id: refundId, intentId: paymentId, rail } = row
    core.log.warn({ refundId, paymentId, rail, error }, 'rail did not answer')
    if (error instanceof FetchError && !error.maybeSent)
      return { kind: 'failed', reason: 'provider-unavailable', why: error.code }
    return { kind: 'unknown', why: error instanceof FetchError ? error.code : 'the rail threw' }
  }
}

/** The provider's idempotency key of a refund's n-th sending. */
export const sendingOf = ({ id, sending }: Pick<RefundRow, 'id' | 'sending'>): string => `${id}-${sending}`

/** What a rail needs to know. All of it follows from rows that do not change while it is under way. */
export async function refundRefOf(core: Core, row: RefundRow): Promise<RefundRef> {
  const intent = await findIntent(core.db, row.intentId)
  const [part] = await listParts(core.db, row.id)
  const receipt = part && (await findReceiptById(core.db, part.receiptId))
  const rail = railOf(core, row.rail ?? '') ?? { name: row.rail ?? '' }
  const sendingId = sendingOf(row)
  return {
    refundId: row.id,
    sendingId,
    intentId: row.intentId,
    amount: money(row.asset, row.amount),
    receiptId: receipt?.providerId,
    phone: row.phone ?? undefined,
    merchantName: intent?.terms.merchantName ?? '',
    callbackUrl: (purpose) => refundCallbackUrl(core.publicUrl(), core.callbackKey, rail, { sendingId, purpose }),
    reference: row.reference ?? undefined,
    sentAt: row.submittedAt ?? row.createdAt,
  }
}
