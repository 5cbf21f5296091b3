import type { Tx } from '#platform/database/db'
import type { RefundOutcome } from '#rails/contract'
import { type Context, REFUNDS_QUEUE, transactMoney } from '../../context.ts'
import { notFound } from '../../errors.ts'
import { refreshIntent } from '../../intents/refresh.ts'
import { openExcessCase } from '../../receipts/excess.ts'
import { notifyRefundOwner } from '../../reservations/refund.ts'
import { releaseReservation } from '../../reservations/release.ts'
import { isUnderWay, decideRefundMove, type RefundMove, sendingIdOf, statusOfRefund } from '../../reservations/state.ts'
import type { RefundUnit } from '../../reservations/unit-of-work.ts'
import { lockIntent } from '../../store/intents.ts'
import { findReceiptById } from '../../store/receipts.ts'
import {
  expediteRefund,
  findRefundByReference,
  type HeldRefund,
  listParts,
  lockRefund,
  type RefundRow,
  releaseRefund,
  updateRefund,
} from '../../store/refunds.ts'
import type { RefundChange } from '../types.ts'
import { creditReturnedRefund, debitDuplicateSending, debitRefund } from './postings.ts'
import { nextRefundCheckAt } from './schedule.ts'

/** A report on a refund, and its origin. Reports are proven unless `unproven` is set. */
export interface RefundObservation {
  readonly refund: Pick<RefundRow, 'id' | 'intentId'>
  readonly outcome: RefundOutcome | { readonly kind: 'interrupted'; readonly why: string }
  /** Origin: answer to the sending, poll of the queue (`check`), answer to another query, or event. Only polls advance the schedule. */
  readonly from: 'send' | 'check' | 'answer' | 'event'
  /** Number of the sending, if known. A report on an earlier sending says nothing about the current one. */
  readonly sending?: number
  /** Rail of the sending, if known. */
  readonly rail?: string | undefined
  /** The event proves nothing. A failure is noted, and counts once a query finds no such refund at the provider. */
  readonly unproven?: boolean
  /**
   * The observer's claim, under which it sent or polled. Recording releases it. When another instance has claimed the refund since, the
   * report is judged like an event: it adds what it proves, and decides nothing.
   */
  readonly held?: HeldRefund | undefined
}

export interface RefundRecorded {
  readonly row: RefundRow
  /** Why nothing changed. `conflict`: the caller must query the provider. */
  readonly refused?: string
}

/** Records a report in its own transaction: refund, receipts, ledger, intent and the owner's job. Idempotent. */
export function recordRefund(context: Context, observation: RefundObservation): Promise<RefundRecorded> {
  const record = async (tx: Tx, contended: boolean): Promise<RefundRecorded> => {
    const intent = await lockIntent(tx, observation.refund.intentId)
    if (!intent) throw notFound()
    const row = await lockRefund(tx, observation.refund.id)
    const unit: RefundUnit = { tx, context, now: context.clock.now(), intent, row, contended, transfers: [] }
    const { held } = observation
    if (held && held.claim !== row.claim) return applyLate(unit, observation)
    const recorded = await applyObservation(unit, observation)
    // A holder that found an interrupted sending polls it next.
    if (held && observation.outcome.kind !== 'interrupted') await releaseRefund(tx, held)
    return recorded
  }
  return transactMoney(context, record, { repeatable: true })
}

/**
 * Applies a report that arrived after its claim was lost: a reference or a success is kept. A failure proves nothing, and makes the refund
 * due for a query.
 */
async function applyLate(unit: RefundUnit, late: RefundObservation): Promise<RefundRecorded> {
  const observation = { ...late, held: undefined }
  const { tx, context, row, now } = unit
  const { kind } = observation.outcome
  tx.afterCommit(() =>
    context.log.warn(
      { refundId: row.id, rail: row.rail, state: row.state, outcome: kind },
      'an answer arrived after another instance took over the refund',
    ),
  )
  if (kind === 'pending' || kind === 'succeeded') return applyObservation(unit, { ...observation, from: 'event' })
  if (kind === 'failed') await expediteRefund(tx, row, now)
  return { row, refused: 'claim-lost' }
}

async function applyObservation(locked: RefundUnit, observation: RefundObservation): Promise<RefundRecorded> {
  const { tx, context } = locked
  if (isDuplicateSending(locked.row, observation)) return recordDuplicateSending(locked, observation)
  const stale = observation.sending !== undefined && observation.sending !== locked.row.sending
  if (stale && observation.outcome.kind !== 'succeeded') return { row: locked.row }
  if (observation.unproven) return noteUnprovenFailure(locked, observation)
  const unit = { ...locked, row: attributeSender(locked.row, observation, stale) }
  const { row } = unit
  const reference = await adoptReference(unit, observation)
  if (reference.refused !== undefined) return { row, refused: reference.refused }
  // A sending that was given up succeeded. This counts as the provider’s final answer.
  const event = isConfirmedFailure(unit, observation) ? 'failed' : observation.outcome.kind
  const move =
    stale && row.state !== 'succeeded' ? SUCCEED : decideRefundMove(row.state, event, observation.from !== 'event')
  if (move.kind === 'conflict') return { row, refused: 'conflict' }
  const after = scheduleNextCheck(unit, observation, await applyMove(unit, observation, move, reference.value))
  if (stale && move.kind === 'succeed') await openSentTwiceCase(locked, observation)
  if (visibleState(locked.row) !== visibleState(after)) after.version++
  await updateRefund(tx, after)
  const seen = move.kind === 'succeed' || move.kind === 'return'
  if (seen) await refreshIntent(tx, context, unit.intent, unit.now, { shows: true })
  const type = changedStatus(locked.row, after)
  if (type) await notifyRefundOwner(tx, context, unit.intent.owner, after, type)
  if (unit.transfers.length > 0) await context.ledger.post(tx, unit.transfers)
  tx.afterCommit(() => reportChange(locked, after))
  return { row: after }
}

/** Returns whether the report is on another sending than the one that was debited. */
const isDuplicateSending = ({ takenSending }: RefundRow, { sending }: RefundObservation): boolean =>
  takenSending !== null && sending !== undefined && sending !== takenSending

/** Records that a second sending of one refund succeeded. */
async function recordDuplicateSending(unit: RefundUnit, { outcome, rail }: RefundObservation): Promise<RefundRecorded> {
  const { row, tx, context, intent, now, transfers } = unit
  const by = rail ?? row.rail
  if (outcome.kind !== 'succeeded' || by === null) return { row }
  if (!(await debitDuplicateSending(unit, { rail: by, reference: outcome.reference }))) return { row }
  await refreshIntent(tx, context, intent, now, { shows: true })
  await context.ledger.post(tx, transfers)
  return { row }
}

/** Sets the rail of a success. A reopened link has no rail, and an earlier sending may have used another rail than the last. */
const attributeSender = (row: RefundRow, { outcome, rail }: RefundObservation, stale: boolean): RefundRow =>
  outcome.kind === 'succeeded' && rail !== undefined && (stale || row.rail === null)
    ? { ...row, rail, reference: null }
    : row

/** Opens a case when a sending that was given up succeeded while the next one is pending, because that one may succeed, too. */
async function openSentTwiceCase({ row, ...unit }: RefundUnit, { outcome }: RefundObservation): Promise<void> {
  if (
    outcome.kind !== 'succeeded' ||
    (row.state !== 'submitting' && row.state !== 'pending' && row.state !== 'unknown')
  )
    return
  const [part] = await listParts(unit.tx, row.id)
  const receipt = part && (await findReceiptById(unit.tx, part.receiptId))
  const { asset, amount: theirs } = row
  if (receipt) await openExcessCase(unit, receipt, { subject: sendingIdOf(row), asset, ours: 0n, theirs })
}

/** Stores the reason of an unproven failure, until a query confirms it. */
async function noteUnprovenFailure({ tx, row }: RefundUnit, { outcome }: RefundObservation): Promise<RefundRecorded> {
  if (outcome.kind !== 'failed' || (row.state !== 'pending' && row.state !== 'unknown')) return { row }
  const after = { ...row, reason: outcome.reason, why: (outcome.why ?? '').slice(0, 300) }
  await updateRefund(tx, after)
  return { row: after }
}

/** Within this time a sent refund appears in the provider's books. */
const LISTED_AFTER_MS = 10 * 60_000

/** Returns whether a failure is confirmed: an unproven event reported it, and the provider's query finds no such refund. */
const isConfirmedFailure = ({ row, now }: RefundUnit, { outcome, from }: RefundObservation): boolean =>
  outcome.kind === 'unknown' &&
  outcome.absent === true &&
  from !== 'event' &&
  row.reason !== null &&
  (row.state === 'pending' || row.state === 'unknown') &&
  row.submittedAt !== null &&
  now.getTime() - row.submittedAt.getTime() >= LISTED_AFTER_MS

const SUCCEED: RefundMove = { kind: 'succeed' }

/** Adopts the provider's id from the first report. A different id later is refused as a mismatch. */
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

/** Posts the money of a move, and returns the refund after it. */
async function applyMove(
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
      await debitRefund(unit, reference)
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
        // The payer may choose another destination, so the link and its hold stay.
        return { ...row, state: 'claimable', rail: null, phone: null, destination: null, reference: null, reason, why }
      await releaseReservation(unit)
      return { ...row, state: 'failed', held: 0n, reason, why, endedAt: now }
    }
    case 'return':
      await creditReturnedRefund(unit)
      return { ...row, state: 'failed', reason, why, endedAt: now }
  }
}

/** Sets the time of the next poll: soon after a change, later with each poll without one. */
function scheduleNextCheck(
  { context, row, now }: RefundUnit,
  { from }: RefundObservation,
  after: RefundRow,
): RefundRow {
  if (after.state === 'claimable') return { ...after, dueAt: after.claimExpiresAt }
  if (!isUnderWay(after.state)) return { ...after, dueAt: null }
  const checks = from === 'check' ? row.checks + 1 : row.checks
  const news = from === 'check' || after.state !== row.state
  return { ...after, checks, dueAt: news ? nextRefundCheckAt(context, { ...after, checks }, now) : row.dueAt }
}

/** Returns the publicly visible fields, for comparison. */
const visibleState = ({ state, number, rail, reason }: RefundRow): string =>
  JSON.stringify([statusOfRefund(state), number, rail, statusOfRefund(state) === 'pending' ? null : reason])

function changedStatus(before: RefundRow, after: RefundRow): RefundChange['type'] | undefined {
  const status = statusOfRefund(after.state)
  return status === statusOfRefund(before.state) ? undefined : status
}

function reportChange({ context, row, intent }: RefundUnit, after: RefundRow): void {
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
