import { securityEvent, transactMoney, REFUNDS_QUEUE, type Core } from '../core.ts'
import { lockIntent } from '../intent-store.ts'
import { notFound } from '../errors.ts'
import type { RefundOutcome } from '#rails/contract'
import { refreshIntent } from '../work.ts'
import type { RefundChange } from './face.ts'
import { tellExcess } from '../excess.ts'
import { findReceiptById } from '../receipt-store.ts'
import { freeMoney } from './free.ts'
import { returnMoney, takeAgain, takeMoney } from './money.ts'
import { nextRefundLook } from './schedule.ts'
import { isUnderWay, moveOf, sendingOf, statusOfRefund, type RefundMove } from './state.ts'
import { findRefundByReference, listParts, lockRefund, updateRefund, type RefundRow } from './store.ts'
import { tellOwner } from './tell.ts'
import type { RefundWork } from './work.ts'

/** Something that is known of a refund and how. Only what is proven gets here. */
export interface RefundTold {
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
export const recordRefund = (core: Core, told: RefundTold): Promise<RefundRecorded> =>
  transactMoney(core, async (tx, contended) => {
    const intent = await lockIntent(tx, told.refund.intentId)
    if (!intent) throw notFound()
    const row = await lockRefund(tx, told.refund.id)
    return apply({ tx, core, now: core.clock.now(), intent, row, contended, transfers: [] }, told)
  })

async function apply(locked: RefundWork, told: RefundTold): Promise<RefundRecorded> {
  const { tx, core } = locked
  if (isOther(locked.row, told)) return sentAgain(locked, told)
  const stale = told.sending !== undefined && told.sending !== locked.row.sending
  if (stale && told.outcome.kind !== 'succeeded') return { row: locked.row }
  if (told.unproven) return note(locked, told)
  const work = { ...locked, row: sentBy(locked.row, told, stale) }
  const { row } = work
  const reference = await adoptReference(work, told)
  if (reference.refused !== undefined) return { row, refused: reference.refused }
  // A sending that had been given up went through after all: it counts as the provider’s last word.
  const event = isGone(work, told) ? 'failed' : told.outcome.kind
  const move = stale && row.state !== 'succeeded' ? TOOK : moveOf(row.state, event, told.from !== 'event')
  if (move.kind === 'conflict') return { row, refused: 'conflict' }
  const after = withLook(work, told, await moved(work, told, move, reference.value))
  if (stale && move.kind === 'succeed') await tellTwice(locked, told)
  if (shows(locked.row) !== shows(after)) after.version++
  await updateRefund(tx, after)
  const seen = move.kind === 'succeed' || move.kind === 'return'
  if (seen) await refreshIntent(tx, core, work.intent, work.now, { shows: true })
  const type = changeOf(locked.row, after)
  if (type) await tellOwner(tx, core, work.intent.owner, after, type)
  if (work.transfers.length > 0) await core.ledger.post(tx, work.transfers)
  tx.afterCommit(() => report(locked, after))
  return { row: after }
}

/** About another sending than the one that the money was taken for. */
const isOther = ({ takenSending }: RefundRow, { sending }: RefundTold): boolean =>
  takenSending !== null && sending !== undefined && sending !== takenSending

/** Two sendings of one refund went through. */
async function sentAgain(work: RefundWork, { outcome, rail }: RefundTold): Promise<RefundRecorded> {
  const { row, tx, core, intent, now, transfers } = work
  const by = rail ?? row.rail
  if (outcome.kind !== 'succeeded' || by === null) return { row }
  if (!(await takeAgain(work, { rail: by, reference: outcome.reference }))) return { row }
  await refreshIntent(tx, core, intent, now, { shows: true })
  await core.ledger.post(tx, transfers)
  return { row }
}

/** Whose success it is: a link that waits again names nobody, and one of a sending before need not have gone the way of the last. */
const sentBy = (row: RefundRow, { outcome, rail }: RefundTold, stale: boolean): RefundRow =>
  outcome.kind === 'succeeded' && rail !== undefined && (stale || row.rail === null)
    ? { ...row, rail, reference: null }
    : row

/** It went by a sending that had been given up, while the next is out: that one may go through as well. */
async function tellTwice({ row, ...work }: RefundWork, { outcome }: RefundTold): Promise<void> {
  if (
    outcome.kind !== 'succeeded' ||
    (row.state !== 'submitting' && row.state !== 'pending' && row.state !== 'unknown')
  )
    return
  const [part] = await listParts(work.tx, row.id)
  const receipt = part && (await findReceiptById(work.tx, part.receiptId))
  const { asset, amount: theirs } = row
  if (receipt) await tellExcess(work, receipt, { subject: sendingOf(row), asset, ours: 0n, theirs })
}

/** What the provider said in an event without proof, until it can be asked. */
async function note({ tx, row }: RefundWork, { outcome }: RefundTold): Promise<RefundRecorded> {
  if (outcome.kind !== 'failed' || (row.state !== 'pending' && row.state !== 'unknown')) return { row }
  const after = { ...row, reason: outcome.reason, why: (outcome.why ?? '').slice(0, 300) }
  await updateRefund(tx, after)
  return { row: after }
}

/** A payment may take a while to show in the provider's books; by then it does, or there is none. */
const SHOWS_AFTER_MS = 10 * 60_000

/** The provider said that it failed, without proof, and knows nothing of it when asked: two words for the same. */
const isGone = ({ row, now }: RefundWork, { outcome, from }: RefundTold): boolean =>
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
  { tx, core, row }: RefundWork,
  { outcome, from }: RefundTold,
): Promise<{ value: string | null; refused?: string }> {
  const given = 'reference' in outcome ? outcome.reference : undefined
  if (given === undefined || given === row.reference || row.rail === null) return { value: row.reference }
  const holder = await findRefundByReference(tx, { rail: row.rail, railAccount: row.railAccount }, given)
  if (row.reference === null && !holder) return { value: given }
  securityEvent(core, 'reference-mismatch', { rail: row.rail, refundId: row.id, paymentId: row.intentId, from })
  return { value: row.reference, refused: 'reference-mismatch' }
}

/** Moves the money that goes with it. @returns the row as it is then */
async function moved(
  work: RefundWork,
  { outcome, sending }: RefundTold,
  move: RefundMove,
  reference: string | null,
): Promise<RefundRow> {
  const { now } = work
  const row = { ...work.row, reference }
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
      await takeMoney(work, reference)
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
      await freeMoney(work)
      return { ...row, state: 'failed', held: 0n, reason, why, endedAt: now }
    }
    case 'return':
      await returnMoney(work)
      return { ...row, state: 'failed', reason, why, endedAt: now }
  }
}

/** When to ask next: soon after news, later the longer nothing comes. */
function withLook({ core, row, now }: RefundWork, { from }: RefundTold, after: RefundRow): RefundRow {
  if (after.state === 'claimable') return { ...after, dueAt: after.claimExpiresAt }
  if (!isUnderWay(after.state)) return { ...after, dueAt: null }
  const checks = from === 'check' ? row.checks + 1 : row.checks
  const news = from === 'check' || after.state !== row.state
  return { ...after, checks, dueAt: news ? nextRefundLook(core, { ...after, checks }, now) : row.dueAt }
}

/** What others see of it. */
const shows = ({ state, number, rail, reason }: RefundRow): string =>
  JSON.stringify([statusOfRefund(state), number, rail, statusOfRefund(state) === 'pending' ? null : reason])

function changeOf(before: RefundRow, after: RefundRow): RefundChange['type'] | undefined {
  const status = statusOfRefund(after.state)
  return status === statusOfRefund(before.state) ? undefined : status
}

function report({ core, row, intent }: RefundWork, after: RefundRow): void {
  if (row.state === after.state) return
  core.meters.refunds.inc({ rail: after.rail ?? row.rail ?? 'none', status: after.state })
  core.log.info(
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
  core.changed(intent.id)
  if (after.state === 'created') core.jobs().wake(REFUNDS_QUEUE)
}
