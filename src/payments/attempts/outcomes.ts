import type { Transfer } from '#ledger'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import type { Outcome } from '#rails/contract'
import { releaseUnusedAddress, WATCH_FOR_MS, updateAmountDue } from '../addresses/addresses.ts'
import { applyDeposits } from '../addresses/deposits.ts'
import { type Context, railOf, transactMoney } from '../context.ts'
import { notFound } from '../errors.ts'
import { refreshIntent } from '../intents/refresh.ts'
import { isLive, isEnded, nextState } from '../intents/state.ts'
import { type CountResult, countReceipt, reverseReceipt } from '../receipts/receipts.ts'
import {
  type AttemptRow,
  expediteAttempt,
  findByReference,
  type HeldAttempt,
  lockAttempt,
  releaseAttempt,
  updateAttempt,
} from '../store/attempts.ts'
import { lockIntent } from '../store/intents.ts'
import type { MoveResult, UnitOfWork } from '../unit-of-work.ts'
import { nextCheckAt, nextFeeCheckAt } from './schedule.ts'

/**
 * A proven outcome of an attempt. An event that the provider must confirm is confirmed before it becomes an
 * observation.
 */
export interface Observation {
  readonly attempt: Pick<AttemptRow, 'id' | 'intentId'>
  readonly outcome: Outcome | { readonly kind: 'abandon' } | { readonly kind: 'interrupted'; readonly why: string }
  /** Source: the answer to the submission (`start`), the answer to a query (`check`), or a provider event (`event`). */
  readonly from: 'start' | 'check' | 'event'
  /**
   * The observer's claim, under which it submitted or polled. Recording releases it. When another instance has claimed the attempt since,
   * the observation is judged like an unsigned event: it adds what it proves, and decides nothing.
   */
  readonly held?: HeldAttempt | undefined
}

export interface Recorded {
  readonly attempt: AttemptRow
  /** Reason when nothing was credited. */
  readonly refused?: string
}

/**
 * Records an observation in its own transaction: attempt, receipts, ledger, intent and the owner's job, all or nothing.
 * Repeated observations change nothing.
 */
export async function recordOutcome(context: Context, observation: Observation): Promise<Recorded> {
  const record = async (tx: Tx, contended: boolean): Promise<Recorded> => {
    const transfers: Transfer[] = []
    const recorded = await applyOutcome(tx, context, observation, { contended, transfers })
    if (transfers.length > 0) await context.ledger.post(tx, transfers)
    return recorded
  }
  return transactMoney(context, record, { repeatable: true })
}

/**
 * Records an observation in the caller's transaction. Adds its transfers to `transfers`; the caller posts them in one
 * call.
 */
export async function applyOutcome(
  tx: Tx,
  context: Context,
  observed: Observation,
  { contended, transfers }: { contended: boolean; transfers: Transfer[] },
): Promise<Recorded> {
  const intent = await lockIntent(tx, observed.attempt.intentId)
  if (!intent) throw notFound()
  const attempt = await lockAttempt(tx, observed.attempt.id)
  const now = context.clock.now()
  const isLate = observed.held !== undefined && observed.held.claim !== attempt.claim
  if (isLate && !provesAnything(attempt, observed)) return ignoreLate(tx, context, attempt, observed)
  const unit: UnitOfWork = {
    tx,
    context,
    now,
    intent,
    attempt,
    contended,
    transfers,
    late: false,
    receiptChanged: false,
  }
  const timely: Observation = isLate
    ? { attempt: observed.attempt, outcome: observed.outcome, from: 'event' }
    : observed
  const observation = attempt.kind === 'balance' ? resolveBalanceOutcome(unit, timely) : timely
  const reference = await adoptReference(unit, observation)
  if (reference.refused !== undefined) {
    if (observation.held) await releaseAttempt(tx, observation.held)
    return { attempt, refused: reference.refused }
  }

  const { event, refused, unconfirmed } = await moveMoney(unit, observation.outcome)
  const state = event === undefined ? attempt.state : (nextState(attempt.state, event) ?? attempt.state)
  const updated = toUpdatedAttempt(unit, observation, { state, reference: reference.value, unconfirmed })
  const after = attempt.kind === 'address' ? await updateAddress(unit, updated) : updated
  // A holder that found an interrupted submission polls it next.
  await updateAttempt(tx, after, observation.outcome.kind === 'interrupted' ? undefined : observation.held)
  await refreshIntent(tx, context, intent, now, {
    shows: unit.receiptChanged || publicFields(attempt) !== publicFields(after),
    attemptFailed: state === 'failed' && attempt.state !== 'failed',
    late: unit.late,
  })
  tx.afterCommit(() => reportStateChange(context, attempt, after))
  return refused === undefined ? { attempt: after } : { attempt: after, refused }
}

/**
 * Returns whether an answer that arrives after the claim was lost proves anything: a reference, or money at a provider. A failure does not:
 * the attempt may have been found at the provider meanwhile. A balance payment has no provider.
 */
const provesAnything = ({ kind }: AttemptRow, { outcome }: Observation): boolean =>
  kind !== 'balance' && (outcome.kind === 'received' || outcome.kind === 'reversed' || outcome.kind === 'pending')

/** Leaves the decision to the holder of the claim. A failure makes the attempt due for a query. */
async function ignoreLate(tx: Tx, context: Context, attempt: AttemptRow, { outcome }: Observation): Promise<Recorded> {
  const { id: attemptId, intentId: paymentId, rail, state } = attempt
  if (outcome.kind === 'failed') await expediteAttempt(tx, attempt, context.clock.now())
  tx.afterCommit(() =>
    context.log.warn(
      { paymentId, attemptId, rail, state, outcome: outcome.kind },
      'an answer arrived after another instance took over the attempt',
    ),
  )
  return { attempt, refused: 'claim-lost' }
}

/**
 * Turns a balance payment into a failure when the money must not be debited: the intent has ended, or the ledger
 * refused because another payment spent the balance.
 */
function resolveBalanceOutcome({ intent, attempt, contended }: UnitOfWork, observation: Observation): Observation {
  if (observation.outcome.kind !== 'received' || !isLive(attempt.state) || !(contended || isEnded(intent.status)))
    return observation
  return { ...observation, outcome: { kind: 'failed', reason: contended ? 'insufficient-funds' : 'expired' } }
}

/**
 * Stores the provider's reference when an observation first names one. Refuses a different reference later: it belongs
 * to another payment.
 */
async function adoptReference(
  { tx, context, attempt }: UnitOfWork,
  { outcome, from }: Observation,
): Promise<{ value: string | null; refused?: string }> {
  const observed = 'reference' in outcome ? outcome.reference : undefined
  if (observed === undefined || observed === attempt.reference) return { value: attempt.reference }
  // The answer to our own request outranks an event that arrived before it. Once money is counted, the reference never
  // changes.
  const outranked = from === 'start' && attempt.state !== 'settled'
  const holder = await findByReference(tx, attempt, observed)
  if ((attempt.reference === null || outranked) && !holder) return { value: observed }
  const event = holder ? 'foreign-reference' : 'reference-mismatch'
  context.securityEvent(event, { rail: attempt.rail, attemptId: attempt.id, paymentId: attempt.intentId, from })
  return { value: attempt.reference, refused: event }
}

async function moveMoney(unit: UnitOfWork, outcome: Observation['outcome']): Promise<MoveResult> {
  const { unconfirmed, kind } = unit.attempt
  if (kind === 'address' && (outcome.kind === 'received' || outcome.kind === 'reversed'))
    return applyDeposits(unit, outcome)
  if (outcome.kind === 'reversed')
    return withRefusal({ event: 'reversed', unconfirmed }, await reverseReceipt(unit, outcome))
  if (outcome.kind !== 'received')
    return { event: outcome.kind, unconfirmed: outcome.kind === 'failed' && kind !== 'address' ? false : unconfirmed }
  let moved: MoveResult = { event: undefined, unconfirmed }
  for (const receipt of outcome.receipts) {
    if (!receipt.final) {
      moved = { ...moved, event: moved.event ?? 'pending', unconfirmed: moved.event !== 'received' }
      continue
    }
    const counted = await countReceipt(unit, receipt)
    moved =
      typeof counted === 'string' ? { ...moved, event: 'received', unconfirmed: false } : withRefusal(moved, counted)
  }
  return moved
}

const withRefusal = (moved: MoveResult, counted: CountResult): MoveResult =>
  typeof counted === 'string' ? moved : { ...moved, refused: counted.refused }

/** Returns the attempt's row after the observation. */
function toUpdatedAttempt(
  { attempt, context, now }: UnitOfWork,
  { outcome, from, held }: Observation,
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
    ? { ...after, dueAt: nextFeeCheckAt(after.endedAt ?? now, now) }
    : scheduleNextCheck(context, { before: attempt, after, from, held, now })
}

/** Recomputes the amount due on an address and extends the time that the address is watched. */
async function updateAddress(unit: UnitOfWork, after: AttemptRow): Promise<AttemptRow> {
  const { tx, context, intent, attempt, now, receiptChanged } = unit
  const left = await releaseUnusedAddress(tx, after)
  const changed = receiptChanged || left.address !== attempt.address
  const due = changed ? await updateAmountDue(tx, context, intent, left) : left
  if (!receiptChanged) return due
  const until = addMs(now, WATCH_FOR_MS)
  return { ...due, watchUntil: due.watchUntil && due.watchUntil > until ? due.watchUntil : until }
}

function scheduleNextCheck(
  context: Context,
  {
    before,
    after,
    from,
    held,
    now,
  }: { before: AttemptRow; after: AttemptRow; now: Date } & Pick<Observation, 'from' | 'held'>,
): AttemptRow {
  // The check was requested again while it ran, for example because the payment was canceled: check soon.
  const wasExpedited = held && before.dueAt && before.dueAt <= now && before.dueAt.getTime() !== held.dueAt?.getTime()
  if (wasExpedited && isLive(after.state)) return after
  const moved = from === 'check' || after.state !== before.state || after.reference !== before.reference
  const pace = railOf(context, before.rail)?.collect
  return moved && pace ? { ...after, dueAt: nextCheckAt(after, pace, now) } : after
}

/**
 * Returns whether the attempt is due only for the provider's fee. An answer without money leaves an open fee check in
 * place.
 */
const awaitsFee = ({ state, dueAt }: AttemptRow, outcome: Observation['outcome']): boolean =>
  outcome.kind === 'received'
    ? outcome.receipts.some(({ final, feeLater }) => final && feeLater === true)
    : state === 'settled' && dueAt !== null

/** Serializes the fields that payers and merchants see, to detect a visible change. */
const publicFields = ({ state, reason, declined, redirectUrl, address, paymentUri, unconfirmed }: AttemptRow): string =>
  JSON.stringify([state, reason, declined, redirectUrl, address, paymentUri, unconfirmed])

const METRIC_STATUS = { settled: 'paid', failed: 'failed', abandoned: 'abandoned' } as const

function reportStateChange(context: Context, before: AttemptRow, after: AttemptRow): void {
  if (before.state === after.state) return
  const status = METRIC_STATUS[after.state as keyof typeof METRIC_STATUS] as string | undefined
  if (status) context.meters.payments.inc({ provider: after.rail, status })
  context.log.info(
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
