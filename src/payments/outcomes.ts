import type { Tx } from '#platform/db'
import { findByReference, lockAttempt, updateAttempt, type AttemptRow } from './attempt-store.ts'
import { railOf, securityEvent, transactMoney, type Core } from './core.ts'
import { notFound } from './errors.ts'
import { lockIntent } from './intent-store.ts'
import type { Outcome } from '#rails/contract'
import { countReceipt, reverseReceipt, type Counted } from './receipts.ts'
import { addMs } from '#platform/clock'
import { release, WATCH_FOR_MS, withDue } from './addresses.ts'
import type { Transfer } from '#ledger'
import { nextFeeLook, nextLook } from './schedule.ts'
import { moveSighted } from './sightings.ts'
import { isLive, isOver, nextState } from './state.ts'
import { refreshIntent, type Moved, type Work } from './work.ts'

/** Something that is known of an attempt and how. Only what is proven gets here: an event that needs a check was checked. */
export interface Told {
  readonly attempt: Pick<AttemptRow, 'id' | 'intentId'>
  readonly outcome: Outcome | { readonly kind: 'abandon' } | { readonly kind: 'interrupted'; readonly why: string }
  /** The rail's answer to the submission, to a question, or an event. */
  readonly from: 'start' | 'check' | 'event'
}

export interface Recorded {
  readonly attempt: AttemptRow
  /** Why nothing was credited. */
  readonly refused?: string
}

/** Records it in a transaction of its own: attempt, receipts, ledger, intent and the owner's job, all or nothing. Repeats change nothing. */
export async function record(core: Core, told: Told): Promise<Recorded> {
  return transactMoney(core, async (tx, contended) => {
    const transfers: Transfer[] = []
    const recorded = await apply(tx, core, told, { contended, transfers })
    if (transfers.length > 0) await core.ledger.post(tx, transfers)
    return recorded
  })
}

/** The same in the caller's transaction, which posts the transfers that are added, all of them together. */
export async function apply(
  tx: Tx,
  core: Core,
  given: Told,
  { contended, transfers }: { contended: boolean; transfers: Transfer[] },
): Promise<Recorded> {
  const intent = await lockIntent(tx, given.attempt.intentId)
  if (!intent) throw notFound()
  const attempt = await lockAttempt(tx, given.attempt.id)
  const now = core.clock.now()
  const work: Work = { tx, core, now, intent, attempt, contended, transfers, late: false, receiptChanged: false }
  const told = attempt.kind === 'balance' ? ifTaken(work, given) : given
  const reference = await adoptReference(work, told)
  if (reference.refused !== undefined) return { attempt, refused: reference.refused }

  const { event, refused, unconfirmed } = await moveMoney(work, told.outcome)
  const state = event === undefined ? attempt.state : (nextState(attempt.state, event) ?? attempt.state)
  const described = describe(work, told, { state, reference: reference.value, unconfirmed })
  const after = attempt.kind === 'address' ? await withAddress(work, described) : described
  await updateAttempt(tx, after)
  await refreshIntent(tx, core, intent, now, {
    shows: work.receiptChanged || shows(attempt) !== shows(after),
    attemptFailed: state === 'failed' && attempt.state !== 'failed',
    late: work.late,
  })
  tx.afterCommit(() => report(core, attempt, after))
  return refused === undefined ? { attempt: after } : { attempt: after, refused }
}

/** A balance is there to be taken until it is: not for what is over by now, and not when the ledger has refused because another took it. */
function ifTaken({ intent, attempt, contended }: Work, told: Told): Told {
  if (told.outcome.kind !== 'received' || !isLive(attempt.state) || !(contended || isOver(intent.status))) return told
  return { ...told, outcome: { kind: 'failed', reason: contended ? 'insufficient-funds' : 'expired' } }
}

/** The provider's id of the attempt is taken over when it is first told; another one afterwards is somebody else's. */
async function adoptReference(
  { tx, core, attempt }: Work,
  { outcome, from }: Told,
): Promise<{ value: string | null; refused?: string }> {
  const given = 'reference' in outcome ? outcome.reference : undefined
  if (given === undefined || given === attempt.reference) return { value: attempt.reference }
  // The provider's own answer to our request outranks what an event told before it; after money was counted nothing does.
  const outranked = from === 'start' && attempt.state !== 'settled'
  const holder = await findByReference(tx, attempt, given)
  if ((attempt.reference === null || outranked) && !holder) return { value: given }
  const event = holder ? 'foreign-reference' : 'reference-mismatch'
  securityEvent(core, event, { rail: attempt.rail, attemptId: attempt.id, paymentId: attempt.intentId, from })
  return { value: attempt.reference, refused: event }
}

async function moveMoney(work: Work, outcome: Told['outcome']): Promise<Moved> {
  const { unconfirmed, kind } = work.attempt
  if (kind === 'address' && (outcome.kind === 'received' || outcome.kind === 'reversed'))
    return moveSighted(work, outcome)
  if (outcome.kind === 'reversed')
    return withRefusal({ event: 'reversed', unconfirmed }, await reverseReceipt(work, outcome))
  if (outcome.kind !== 'received')
    return { event: outcome.kind, unconfirmed: outcome.kind === 'failed' && kind !== 'address' ? false : unconfirmed }
  let moved: Moved = { event: undefined, unconfirmed }
  for (const receipt of outcome.receipts) {
    if (!receipt.final) {
      moved = { ...moved, event: moved.event ?? 'pending', unconfirmed: moved.event !== 'received' }
      continue
    }
    const counted = await countReceipt(work, receipt)
    moved =
      typeof counted === 'string' ? { ...moved, event: 'received', unconfirmed: false } : withRefusal(moved, counted)
  }
  return moved
}

const withRefusal = (moved: Moved, counted: Counted): Moved =>
  typeof counted === 'string' ? moved : { ...moved, refused: counted.refused }

/** The attempt's row as it is after what was told. */
function describe(
  { attempt, core, now }: Work,
  { outcome, from }: Told,
  { state, reference, unconfirmed }: Pick<AttemptRow, 'state' | 'reference' | 'unconfirmed'>,
): AttemptRow {
  const checks = from === 'check' ? attempt.checks + 1 : attempt.checks
  const pending = outcome.kind === 'pending' ? outcome : undefined
  const after: AttemptRow = {
    ...attempt,
    state,
    reference,
    unconfirmed,
    checks,
    redirectUrl: pending?.redirectUrl ?? attempt.redirectUrl,
    address: pending?.address ?? attempt.address,
    paymentUri: pending?.paymentUri ?? attempt.paymentUri,
    declined: isLive(state) ? (pending?.declined ?? attempt.declined) : attempt.declined,
    reason: state === 'failed' ? (outcome.kind === 'failed' ? outcome.reason : attempt.reason) : null,
    why: 'why' in outcome && outcome.why !== undefined ? outcome.why.slice(0, 300) : attempt.why,
    endedAt: isLive(state) ? null : (attempt.endedAt ?? now),
  }
  return awaitsFee(attempt, outcome)
    ? { ...after, dueAt: nextFeeLook(after.endedAt ?? now, now) }
    : withNextLook(core, { before: attempt, after, from, now })
}

/** What is still to be sent, and until when it is looked for. */
async function withAddress(work: Work, after: AttemptRow): Promise<AttemptRow> {
  const { tx, core, intent, attempt, now, receiptChanged } = work
  const left = await release(tx, after)
  const changed = receiptChanged || left.address !== attempt.address
  const due = changed ? await withDue(tx, core, intent, left) : left
  if (!receiptChanged) return due
  const until = addMs(now, WATCH_FOR_MS)
  return { ...due, watchUntil: due.watchUntil && due.watchUntil > until ? due.watchUntil : until }
}

function withNextLook(
  core: Core,
  { before, after, from, now }: { before: AttemptRow; after: AttemptRow; from: Told['from']; now: Date },
): AttemptRow {
  const moved = from === 'check' || after.state !== before.state || after.reference !== before.reference
  const pace = railOf(core, before.rail)?.collect
  return moved && pace ? { ...after, dueAt: nextLook(after, pace, now) } : after
}

/** A settled attempt is due only while its fee is not told; an answer that says nothing of the money changes nothing about that. */
const awaitsFee = ({ state, dueAt }: AttemptRow, outcome: Told['outcome']): boolean =>
  outcome.kind === 'received'
    ? outcome.receipts.some(({ final, feeLater }) => final && feeLater === true)
    : state === 'settled' && dueAt !== null

/** What the public sees of an attempt. */
const shows = ({ state, reason, declined, redirectUrl, address, paymentUri, unconfirmed }: AttemptRow): string =>
  JSON.stringify([state, reason, declined, redirectUrl, address, paymentUri, unconfirmed])

const ENDS = { settled: 'paid', failed: 'failed', abandoned: 'abandoned' } as const

function report(core: Core, before: AttemptRow, after: AttemptRow): void {
  if (before.state === after.state) return
  const status = ENDS[after.state as keyof typeof ENDS] as string | undefined
  if (status) core.meters.payments.inc({ provider: after.rail, status })
  core.log.info(
    {
      paymentId: after.intentId,
      attemptId: after.id,
      rail: after.rail,
      before: before.state,
      state: after.state,
      reason: after.reason ?? undefined,
    },
    'attempt changed',
  )
}
