import { addMs } from '#platform/clock'
import type { Queryable } from '#platform/db'
import { isId } from '#platform/ids'
import type { Core } from '../core.ts'
import { BY_HAND } from './claims.ts'
import { noSuchRefund, notToTell, stillSending } from './errors.ts'
import type { Refund } from './face.ts'
import { recordRefund } from './record.ts'
import { SEND_LEASE_MS } from './send.ts'
import { statusOfRefund } from './state.ts'
import { findRefund, listUntold, measureUntold, type RefundRow } from './store.ts'
import { refundOf } from './tell.ts'

const MOST = 100
/** A provider that has said nothing for so long may never do. */
const SILENT_MS = 60 * 60_000

/** See Refunds.resolve. */
export async function resolveRefund(
  core: Core,
  { id, sent, why }: { id: string; sent: { readonly number?: string | undefined } | undefined; why: string },
): Promise<RefundRow> {
  const row = isId('re', id) ? await findRefund(core.db, id) : undefined
  if (!row) throw noSuchRefund()
  if (isBeingSent(row, core.clock.now())) throw stillSending()
  if (row.state !== 'pending' && row.state !== 'unknown') throw notToTell(statusOfRefund(row.state))
  const reference = row.reference ?? `${BY_HAND}:${row.id}-${row.sending}`
  const outcome = sent
    ? { kind: 'succeeded' as const, reference, ...(sent.number !== undefined && { number: sent.number }) }
    : { kind: 'failed' as const, reason: 'provider-rejected' as const, why }
  return (await recordRefund(core, { refund: row, outcome, from: 'check', sending: row.sending })).row
}

/** How many wait for a person, and since when the first does. */
export const measureWaitingRefunds = (core: Core): Promise<{ waiting: number; since: Date | null }> =>
  measureUntold(core.db, { byHand: BY_HAND, before: addMs(core.clock.now(), -SILENT_MS) })

/** Whoever calls the provider has so long to come back with its answer: until then nobody else knows better. */
function isBeingSent({ state, rail, submittedAt }: RefundRow, now: Date): boolean {
  if (state === 'created' || state === 'submitting') return true
  const isOut = state === 'pending' || state === 'unknown'
  return isOut && rail !== BY_HAND && submittedAt !== null && now < addMs(submittedAt, SEND_LEASE_MS)
}

/** See Refunds.listWaiting. */
export async function listWaitingRefunds(
  core: Core,
  q: Queryable,
): Promise<{ refund: Refund; destination: string | undefined }[]> {
  const rows = await listUntold(q, { byHand: BY_HAND, before: addMs(core.clock.now(), -SILENT_MS), limit: MOST })
  return rows.map((row) => ({ refund: refundOf(core, row), destination: row.destination ?? row.phone ?? undefined }))
}
