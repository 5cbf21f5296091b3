import { addMs } from '#platform/base/clock'
import type { Queryable } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import type { Context } from '../context.ts'
import { noSuchRefund, refundEnded, refundBeingSent } from '../reservations/errors.ts'
import { toRefund } from '../reservations/refund.ts'
import { statusOfRefund } from '../reservations/state.ts'
import { findRefund, listUnresolvedRefunds, measureUnresolvedRefunds, type RefundRow } from '../store/refunds.ts'
import { MANUAL_SENDER } from './claims.ts'
import { recordRefund } from './sending/record.ts'
import type { Refund } from './types.ts'

const MAX_LISTED = 100
/** Time in which the process that sent a refund may still wait for the provider's answer. */
const MAX_ANSWER_MS = 90_000
/** A refund without an answer for this long waits for an operator. */
const NO_ANSWER_MS = 60 * 60_000

/** See Refunds.resolve. */
export async function resolveRefund(
  context: Context,
  { id, sent, why }: { id: string; sent: { readonly number?: string | undefined } | undefined; why: string },
): Promise<RefundRow> {
  const row = isId('re', id) ? await findRefund(context.db, id) : undefined
  if (!row) throw noSuchRefund()
  if (isBeingSent(row, context.clock.now())) throw refundBeingSent()
  if (row.state !== 'pending' && row.state !== 'unknown') throw refundEnded(statusOfRefund(row.state))
  const reference = row.reference ?? `${MANUAL_SENDER}:${row.id}-${row.sending}`
  const outcome = sent
    ? { kind: 'succeeded' as const, reference, ...(sent.number !== undefined && { number: sent.number }) }
    : { kind: 'failed' as const, reason: 'provider-rejected' as const, why }
  return (await recordRefund(context, { refund: row, outcome, from: 'check', sending: row.sending })).row
}

/** Counts the refunds that wait for an operator, and returns since when the oldest waits. */
export const measureWaitingRefunds = (context: Context): Promise<{ waiting: number; since: Date | null }> =>
  measureUnresolvedRefunds(context.db, { manualRail: MANUAL_SENDER, before: addMs(context.clock.now(), -NO_ANSWER_MS) })

/** Returns whether a process may still be waiting for the provider's answer. Until then an operator cannot resolve the refund. */
function isBeingSent({ state, rail, submittedAt }: RefundRow, now: Date): boolean {
  if (state === 'created' || state === 'submitting') return true
  const isOut = state === 'pending' || state === 'unknown'
  return isOut && rail !== MANUAL_SENDER && submittedAt !== null && now < addMs(submittedAt, MAX_ANSWER_MS)
}

/** See Refunds.listWaiting. */
export async function listWaitingRefunds(
  context: Context,
  q: Queryable,
): Promise<{ refund: Refund; destination: string | undefined }[]> {
  const rows = await listUnresolvedRefunds(q, {
    manualRail: MANUAL_SENDER,
    before: addMs(context.clock.now(), -NO_ANSWER_MS),
    limit: MAX_LISTED,
  })
  return rows.map((row) => ({ refund: toRefund(context, row), destination: row.destination ?? row.phone ?? undefined }))
}
