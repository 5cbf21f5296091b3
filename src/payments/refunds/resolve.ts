import { addMs } from '#platform/base/clock'
import type { Queryable } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import type { Context } from '../context.ts'
import { noSuchRefund, notToTell, stillSending } from '../reservations/errors.ts'
import { refundOf } from '../reservations/refund.ts'
import { statusOfRefund } from '../reservations/state.ts'
import { findRefund, listUnresolvedRefunds, measureUnresolvedRefunds, type RefundRow } from '../store/refunds.ts'
import { BY_HAND } from './claims.ts'
import { recordRefund } from './sending/record.ts'
import { SEND_LEASE_MS } from './sending/send.ts'
import type { Refund } from './types.ts'

const MOST = 100
/** A provider that has said nothing for so long may never do. */
const SILENT_MS = 60 * 60_000

/** See Refunds.resolve. */
export async function resolveRefund(
  context: Context,
  { id, sent, why }: { id: string; sent: { readonly number?: string | undefined } | undefined; why: string },
): Promise<RefundRow> {
  const row = isId('re', id) ? await findRefund(context.db, id) : undefined
  if (!row) throw noSuchRefund()
  if (isBeingSent(row, context.clock.now())) throw stillSending()
  if (row.state !== 'pending' && row.state !== 'unknown') throw notToTell(statusOfRefund(row.state))
  const reference = row.reference ?? `${BY_HAND}:${row.id}-${row.sending}`
  const outcome = sent
    ? { kind: 'succeeded' as const, reference, ...(sent.number !== undefined && { number: sent.number }) }
    : { kind: 'failed' as const, reason: 'provider-rejected' as const, why }
  return (await recordRefund(context, { refund: row, outcome, from: 'check', sending: row.sending })).row
}

/** How many wait for a person, and since when the first does. */
export const measureWaitingRefunds = (context: Context): Promise<{ waiting: number; since: Date | null }> =>
  measureUnresolvedRefunds(context.db, { byHand: BY_HAND, before: addMs(context.clock.now(), -SILENT_MS) })

/** Whoever calls the provider has so long to come back with its answer: until then nobody else knows better. */
function isBeingSent({ state, rail, submittedAt }: RefundRow, now: Date): boolean {
  if (state === 'created' || state === 'submitting') return true
  const isOut = state === 'pending' || state === 'unknown'
  return isOut && rail !== BY_HAND && submittedAt !== null && now < addMs(submittedAt, SEND_LEASE_MS)
}

/** See Refunds.listWaiting. */
export async function listWaitingRefunds(
  context: Context,
  q: Queryable,
): Promise<{ refund: Refund; destination: string | undefined }[]> {
  const rows = await listUnresolvedRefunds(q, {
    byHand: BY_HAND,
    before: addMs(context.clock.now(), -SILENT_MS),
    limit: MOST,
  })
  return rows.map((row) => ({ refund: refundOf(context, row), destination: row.destination ?? row.phone ?? undefined }))
}
