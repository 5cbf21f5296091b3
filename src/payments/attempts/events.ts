import type { Handled, StoredEvent } from '#inbox'
import { addMs } from '#platform/base/clock'
import type { Fact, Outcome, Rail, RailReceipt } from '#rails/contract'
import { type Context, MAIN_ACCOUNT } from '../context.ts'
import { NOTHING_TO_RETURN } from '../receipts/receipts.ts'
import { type AttemptRow, findAttempt, findByReference } from '../store/attempts.ts'
import { findReceipt } from '../store/receipts.ts'
import { type Observation, recordOutcome } from './outcomes.ts'
import { queryProvider } from './polling.ts'

const DONE: Handled = { kind: 'done' }
/** References are stored within seconds of the provider's knowing them. */
const FOREIGN_AFTER_MS = 60 * 60_000

/** Finds what the fact is about, refuses what does not fit, asks the provider where the event alone is no proof, and records the rest. */
export async function handleFact(context: Context, rail: Rail, event: StoredEvent, fact: Fact): Promise<Handled> {
  const attempt = await findSubject(context, rail, fact)
  // It may be reported before our own transaction has stored the reference, or before the payment that it takes back.
  if (!attempt)
    return isForeignEvent(context, event, fact)
      ? { kind: 'ignored', why: 'news of what another program made' }
      : { kind: 'later', why: 'nothing is known yet of what it is about' }
  const why = findMismatch(rail, event, fact, attempt)
  if (why) {
    context.securityEvent(why, {
      rail: rail.name,
      attemptId: attempt.id,
      paymentId: attempt.intentId,
      event: event.eventKey,
    })
    return { kind: 'refused', why }
  }
  if (!fact.needsCheck || (await isKnownReceipt(context, attempt, fact.outcome)))
    return recordFact(context, attempt, fact.outcome)
  return checkFact(context, rail, event, attempt, fact)
}

/**
 * Other programs may use the provider's account too, and it tells us of theirs. News that claims nothing can be let go: what is ours is
 * polled. An event that claims money waits for a person.
 */
const isForeignEvent = (
  { clock }: Context,
  { receivedAt }: StoredEvent,
  { about, outcome, needsCheck }: Fact,
): boolean =>
  'reference' in about && needsCheck && outcome.kind === 'pending' && addMs(receivedAt, FOREIGN_AFTER_MS) <= clock.now()

async function findSubject({ db }: Context, rail: Rail, { about }: Fact): Promise<AttemptRow | undefined> {
  const account = { rail: rail.name, railAccount: MAIN_ACCOUNT }
  if ('attemptId' in about) return findAttempt(db, about.attemptId)
  if ('reference' in about) return findByReference(db, account, about.reference)
  const receipt = await findReceipt(db, { ...account, providerId: about.receiptId })
  return receipt && findAttempt(db, receipt.attemptId)
}

/** Why the event cannot be about this attempt, or must not be believed. */
function findMismatch(
  rail: Rail,
  event: StoredEvent,
  { outcome, payerPhone, needsCheck }: Fact,
  attempt: AttemptRow,
): string | undefined {
  if (attempt.rail !== rail.name) return 'event-of-another-rail'
  if (event.tokenSubject !== null && event.tokenSubject !== attempt.id) return 'token-of-another-attempt'
  const reference = 'reference' in outcome ? outcome.reference : undefined
  if (reference !== undefined && attempt.reference !== null && reference !== attempt.reference)
    return 'reference-mismatch'
  if (payerPhone !== undefined && attempt.payer.phone !== undefined && payerPhone !== attempt.payer.phone)
    return 'phone-mismatch'
  if (needsCheck && outcome.kind === 'received' && outcome.receipts.some((receipt) => exceeds(receipt, attempt)))
    return 'amount-mismatch'
  return undefined
}

/** A payer can pay less than was asked; an unsigned event that speaks of more, or of another currency, was not written by the provider. */
const exceeds = ({ gross }: RailReceipt, attempt: AttemptRow): boolean =>
  gross.asset !== attempt.asset || gross.amount > attempt.amount || gross.amount <= 0n

/** Whether the provider has reported us of just this money before, so that asking again would bring nothing. */
async function isKnownReceipt({ db }: Context, attempt: AttemptRow, outcome: Outcome): Promise<boolean> {
  if (outcome.kind !== 'received' || outcome.receipts.length === 0) return false
  for (const { id } of outcome.receipts) {
    const known = await findReceipt(db, { rail: attempt.rail, railAccount: attempt.railAccount, providerId: id })
    if (known?.attemptId !== attempt.id) return false
  }
  return true
}

async function recordFact(
  context: Context,
  attempt: AttemptRow,
  outcome: Outcome,
  from: Observation['from'] = 'event',
): Promise<Handled> {
  const { refused } = await recordOutcome(context, { attempt, outcome, from })
  if (refused === undefined) return DONE
  if (refused === NOTHING_TO_RETURN) return { kind: 'later', why: refused }
  // Money of which two things are reported is for a person; the rest is somebody else's event.
  return refused === 'amount-conflict' || refused === 'reversal-in-another-asset'
    ? { kind: 'parked', why: refused }
    : { kind: 'refused', why: refused }
}

/** Believes the provider's answer, not the event. What the event states in more detail about the same money is taken over. */
async function checkFact(
  context: Context,
  rail: Rail,
  event: StoredEvent,
  attempt: AttemptRow,
  fact: Fact,
): Promise<Handled> {
  const { collect } = rail
  if (!collect) return { kind: 'parked', why: 'the rail cannot be asked' }
  const proven = await adoptReference(context, attempt, fact)
  if ('refused' in proven) return proven.refused
  const answer = await queryProvider(context, collect, proven.attempt)
  if (!answer) return { kind: 'later', why: 'the provider could not be asked' }
  const reported = fact.outcome
  if (reported.kind === 'received' && answer.kind === 'received')
    return recordFact(context, attempt, mergeReceipts(answer, reported), 'check')
  const recorded = await recordFact(context, attempt, withDecline(answer, reported), 'check')
  if (recorded.kind !== 'done' || reported.kind === answer.kind) return recorded
  // News without a claim: the answer is all there is to it, and polling goes on.
  if (reported.kind === 'pending' || reported.kind === 'unknown') return DONE
  if (answer.kind === 'pending' || answer.kind === 'unknown')
    return { kind: 'later', why: `the provider does not confirm it yet: ${answer.kind}` }
  if (answer.kind === 'received') return DONE
  context.securityEvent('event-contradicted', {
    rail: rail.name,
    attemptId: attempt.id,
    paymentId: attempt.intentId,
    event: event.eventKey,
  })
  return { kind: 'parked', why: `it says ${reported.kind}, the provider says ${answer.kind}` }
}

/** An attempt whose submit answer was lost is asked about by the reference that its own event brings: token or signature prove which it is. */
async function adoptReference(
  context: Context,
  attempt: AttemptRow,
  { outcome }: Fact,
): Promise<{ attempt: AttemptRow } | { refused: Handled }> {
  const reference = 'reference' in outcome ? outcome.reference : undefined
  if (attempt.reference !== null || reference === undefined) return { attempt }
  const recorded = await recordOutcome(context, { attempt, outcome: { kind: 'pending', reference }, from: 'event' })
  return recorded.refused === undefined
    ? { attempt: recorded.attempt }
    : { refused: { kind: 'refused', why: recorded.refused } }
}

/** A refused card leaves no trace in a page that is still open: only the event tells. */
function withDecline(answer: Outcome, reported: Outcome): Outcome {
  const declined = reported.kind === 'pending' ? reported.declined : undefined
  return answer.kind === 'pending' && declined !== undefined ? { declined, ...answer } : answer
}

/** Receipts as the provider confirmed them, with the event's words on the same ones where it states an amount. */
function mergeReceipts(
  answer: Extract<Outcome, { kind: 'received' }>,
  reported: Extract<Outcome, { kind: 'received' }>,
): Extract<Outcome, { kind: 'received' }> {
  const receipts = answer.receipts.map((receipt) => {
    const same = reported.receipts.find(({ id }) => id === receipt.id)
    if (!same || receipt.stated) return same?.number === undefined ? receipt : { number: same.number, ...receipt }
    return { ...receipt, ...same, final: receipt.final }
  })
  return { ...answer, receipts }
}
