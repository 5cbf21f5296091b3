import type { RefundOutcome } from '#rails/contract'
import { type Context, REFUNDS_QUEUE, transactMoney } from '../../context.ts'
import { notFound } from '../../errors.ts'
import { refreshIntent } from '../../intents/refresh.ts'
import { openExcessCase } from '../../receipts/excess.ts'
import { notifyRefundOwner } from '../../reservations/refund.ts'
import { releaseReservation } from '../../reservations/release.ts'
import { isUnderWay, moveOf, type RefundMove, sendingOf, statusOfRefund } from '../../reservations/state.ts'
import type { RefundUnit } from '../../reservations/unit-of-work.ts'
import { lockIntent } from '../../store/intents.ts'
import { findReceiptById } from '../../store/receipts.ts'
import { findRefundByReference, listParts, lockRefund, type RefundRow, updateRefund } from '../../store/refunds.ts'
import type { RefundChange } from '../types.ts'
import { returnMoney, takeAgain, takeMoney } from './postings.ts'
import { nextRefundCheckAt } from './schedule.ts'

/** Something that is known of a refund and how. Only what is proven gets here. */
export interface RefundObservation {
  readonly refund: Pick<RefundRow, 'id' | 'intentId'>
  readonly outcome: RefundOutcome | { readonly kind: 'interrupted'; readonly why: string }
  /** The provider's answer to the sending, to a look of the queue, to another question of ours, or an event. Only looks count for the pace. */
  readonly from: 'send' | 'check' | 'answer' | 'event'
  /** Of which sending, where that is known: one before says nothing of the one under way. */
  readonly sending?: number
  /** Who was to send it, where that is known. */
  readonly rail?: string | undefined
  /** Said by an event that proves nothing: a failure is noted, and holds once the provider knows nothing of the refund either. */
  readonly unproven?: boolean
}

export interface RefundRecorded {
  readonly row: RefundRow
  /** Why nothing was changed. `conflict`: the provider is to be asked. */
  readonly refused?: string
}

/** Records it in a transaction of its own: refund, receipts, ledger, intent and the owner's job, all or nothing. Repeats change nothing. */
export const recordRefund = (context: Context, told: RefundObservation): Promise<RefundRecorded> =>
  transactMoney(context, async (tx, contended) => {
    const intent = await lockIntent(tx, told.refund.intentId)
    if (!intent) throw notFound()
    const row = await lockRefund(tx, told.refund.id)
    return apply({ tx, context, now: context.clock.now(), intent, row, contended, transfers: [] }, told)
  })

async function apply(locked: RefundUnit, told: RefundObservation): Promise<RefundRecorded> {
  const { tx, context } = locked
  if (isOther(locked.row, told)) return sentAgain(locked, told)
  const stale = told.sending !== undefined && told.sending !== locked.row.sending
  if (stale && told.outcome.kind !== 'succeeded') return { row: locked.row }
  if (told.unproven) return note(locked, told)
  const unit = { ...locked, row: sentBy(locked.row, told, stale) }
  const { row } = unit
  const reference = await adoptReference(unit, told)
  if (reference.refused !== undefined) return { row, refused: reference.refused }
  // A sending that had been given up went through after all: it counts as the provider’s last word.
  const event = isGone(unit, told) ? 'failed' : told.outcome.kind
  const move = stale && row.state !== 'succeeded' ? TOOK : moveOf(row.state, event, told.from !== 'event')
  if (move.kind === 'conflict') return { row, refused: 'conflict' }
  const after = withLook(unit, told, await moved(unit, told, move, reference.value))
  if (stale && move.kind === 'succeed') await openSentTwiceCase(locked, told)
  if (shows(locked.row) !== shows(after)) after.version++
  await updateRefund(tx, after)
  const seen = move.kind === 'succeed' || move.kind === 'return'
  if (seen) await refreshIntent(tx, context, unit.intent, unit.now, { shows: true })
  const type = changeOf(locked.row, after)
  if (type) await notifyRefundOwner(tx, context, unit.intent.owner, after, type)
  if (unit.transfers.length > 0) await context.ledger.post(tx, unit.transfers)
  tx.afterCommit(() => report(locked, after))
  return { row: after }
}

/** About another sending than the one that the money was taken for. */
const isOther = ({ takenSending }: RefundRow, { sending }: RefundObservation): boolean =>
  takenSending !== null && sending !== undefined && sending !== takenSending

/** Two sendings of one refund went through. */
async function sentAgain(unit: RefundUnit, { outcome, rail }: RefundObservation): Promise<RefundRecorded> {
  const { row, tx, context, intent, now, transfers } = unit
  const by = rail ?? row.rail
  if (outcome.kind !== 'succeeded' || by === null) return { row }
  if (!(await takeAgain(unit, { rail: by, reference: outcome.reference }))) return { row }
  await refreshIntent(tx, context, intent, now, { shows: true })
  await context.ledger.post(tx, transfers)
  return { row }
}

/** Whose success it is: a link that waits again names nobody, and one of a sending before need not have gone the way of the last. */
const sentBy = (row: RefundRow, { outcome, rail }: RefundObservation, stale: boolean): RefundRow =>
  outcome.kind === 'succeeded' && rail !== undefined && (stale || row.rail === null)
    ? { ...row, rail, reference: null }
    : row

/** It went by a sending that had been given up, while the next is out: that one may go through as well. */
async function openSentTwiceCase({ row, ...unit }: RefundUnit, { outcome }: RefundObservation): Promise<void> {
  if (
    outcome.kind !== 'succeeded' ||
    (row.state !== 'submitting' && row.state !== 'pending' && row.state !== 'unknown')
  )
    return
  const [part] = await listParts(unit.tx, row.id)
  const receipt = part && (await findReceiptById(unit.tx, part.receiptId))
  const { asset, amount: theirs } = row
  if (receipt) await openExcessCase(unit, receipt, { subject: sendingOf(row), asset, ours: 0n, theirs })
}

/** What the provider said in an event without proof, until it can be asked. */
async function note({ tx, row }: RefundUnit, { outcome }: RefundObservation): Promise<RefundRecorded> {
  if (outcome.kind !== 'failed' || (row.state !== 'pending' && row.state !== 'unknown')) return { row }
  const after = { ...row, reason: outcome.reason, why: (outcome.why ?? '').slice(0, 300) }
  await updateRefund(tx, after)
  return { row: after }
}

/** A payment may take a while to show in the provider's books; by then it does, or there is none. */
const SHOWS_AFTER_MS = 10 * 60_000

/** The provider said that it failed, without proof, and knows nothing of it when asked: two words for the same. */
const isGone = ({ row, now }: RefundUnit, { outcome, from }: RefundObservation): boolean =>
  outcome.kind === 'unknown' &&
  outcome.absent === true &&
  from !== 'event' &&
  row.reason !== null &&
  (row.state === 'pending' || row.state === 'unknown') &&
  row.submittedAt !== null &&
  now.getTime() - row.submittedAt.getTime() >= SHOWS_AFTER_MS

const TOOK: RefundMove = { kind: 'succeed' }

/** The provider's id is taken over when it is first told; another one afterwards is somebody else's. */
async function adoptReference(
  { tx, context, row }: RefundUnit,
  { outcome, from }: RefundObservation,
): Promise<{ value: string | null; refused?: string }> {
  const given = 'reference' in outcome ? outcome.reference : undefined
  if (given === undefined || given === row.reference || row.rail === null) return { value: row.reference }
  const holder = await findRefundByReference(tx, { rail: row.rail, railAccount: row.railAccount }, given)
  if (row.reference === null && !holder) return { value: given }
  context.securityEvent('reference-mismatch', { rail: row.rail, refundId: row.id, paymentId: row.intentId, from })
  return { value: row.reference, refused: 'reference-mismatch' }
}

/** Moves the money that goes with it. @returns the row as it is then */
async function moved(
  unit: RefundUnit,
  { outcome, sending }: RefundObservation,
  move: RefundMove,
  reference: string | null,
): Promise<RefundRow> {
  const { now } = unit
  const row = { ...unit.row, reference }
  const why = 'why' in outcome && outcome.why !== undefined ? outcome.why.slice(0, 300) : row.why
  const reason = outcome.kind === 'failed' ? outcome.reason : move.kind === 'fail' ? row.reason : null
  const number = row.number ?? ('number' in outcome ? (outcome.number ?? null) : null)
  switch (move.kind) {
    case 'none':
    case 'conflict':
      return { ...row, number }
    case 'wait':
      return { ...row, state: move.state, why }
    case 'succeed':
      await takeMoney(unit, reference)
      return {
        ...row,
        state: 'succeeded',
        held: 0n,
        takenSending: sending ?? row.sending,
        number,
        reason: null,
        endedAt: now,
      }
    case 'fail': {
      if (row.way === 'claim' && row.claimExpiresAt !== null && now < row.claimExpiresAt)
        // The payer may say another place: the link, and what is held for it, stay.
        return { ...row, state: 'claimable', rail: null, phone: null, destination: null, reference: null, reason, why }
      await releaseReservation(unit)
      return { ...row, state: 'failed', held: 0n, reason, why, endedAt: now }
    }
    case 'return':
      await returnMoney(unit)
      return { ...row, state: 'failed', reason, why, endedAt: now }
  }
}

/** When to ask next: soon after news, later the longer nothing comes. */
function withLook({ context, row, now }: RefundUnit, { from }: RefundObservation, after: RefundRow): RefundRow {
  if (after.state === 'claimable') return { ...after, dueAt: after.claimExpiresAt }
  if (!isUnderWay(after.state)) return { ...after, dueAt: null }
  const checks = from === 'check' ? row.checks + 1 : row.checks
  const news = from === 'check' || after.state !== row.state
  return { ...after, checks, dueAt: news ? nextRefundCheckAt(context, { ...after, checks }, now) : row.dueAt }
}

/** What others see of it. */
const shows = ({ state, number, rail, reason }: RefundRow): string =>
  JSON.stringify([statusOfRefund(state), number, rail, statusOfRefund(state) === 'pending' ? null : reason])

function changeOf(before: RefundRow, after: RefundRow): RefundChange['type'] | undefined {
  const status = statusOfRefund(after.state)
  return status === statusOfRefund(before.state) ? undefined : status
}

function report({ context, row, intent }: RefundUnit, after: RefundRow): void {
  if (row.state === after.state) return
  context.meters.refunds.inc({ rail: after.rail ?? row.rail ?? 'none', status: after.state })
  context.log.info(
    {
      refundId: row.id,
      paymentId: row.intentId,
      rail: row.rail,
      before: row.state,
      state: after.state,
      reason: after.reason,
    },
    'refund changed',
  )
  context.changed(intent.id)
  if (after.state === 'created') context.jobs().wake(REFUNDS_QUEUE)
}
