import type { Handled, StoredEvent } from '#inbox'
import { addMs } from '#platform/base/clock'
import type { Fact, Outcome, Rail, RailReceipt } from '#rails/contract'
import { type Context, MAIN_ACCOUNT } from '../context.ts'
import { NOTHING_TO_RETURN, NUMBER_COUNTED } from '../receipts/receipts.ts'
import { type AttemptRow, findAttempt, findByReference } from '../store/attempts.ts'
import { findReceipt } from '../store/receipts.ts'
import { type Observation, recordOutcome } from './outcomes.ts'
import { queryProvider } from './polling.ts'

/** Refusals about real money. Events with other refusals are about money of another program, or are forged. */
const FOR_A_PERSON: ReadonlySet<string> = new Set(['amount-conflict', 'reversal-in-another-asset', NUMBER_COUNTED])
const DONE: Handled = { kind: 'done' }
/**
 * After this time an event with an unknown reference belongs to another program. Our own references are stored within
 * seconds.
 */
const FOREIGN_AFTER_MS = 60 * 60_000

/**
 * Handles a fact from a provider event: finds the attempt, refuses facts that do not match it, queries the provider
 * when the event alone is no proof, and records the outcome.
 */
export async function handleFact(context: Context, rail: Rail, event: StoredEvent, fact: Fact): Promise<Handled> {
  const attempt = await findSubject(context, rail, fact)
  // The event can arrive before our transaction stores the reference, or before the payment that it reverses.
  if (!attempt)
    return isForeignEvent(context, event, fact)
      ? { kind: 'ignored', why: 'the reference belongs to another program' }
      : { kind: 'later', why: 'no attempt or receipt matches the event yet' }
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
 * Returns whether the event belongs to another program on the same provider account. Such an event is ignored only when
 * it claims no money: polling covers our own attempts. An event that claims money is parked for an operator.
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

/** Returns why the event does not match this attempt or must not be trusted; undefined when it matches. */
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

/**
 * Returns whether an unsigned event claims more than the amount, or another currency. A payer can pay less, but a
 * provider never reports more than the requested amount.
 */
const exceeds = ({ gross }: RailReceipt, attempt: AttemptRow): boolean =>
  gross.asset !== attempt.asset || gross.amount > attempt.amount || gross.amount <= 0n

/** Returns whether every receipt in the event is recorded already, so that a query would return nothing new. */
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
  // Conflicting reports about the same money need an operator. Other refusals mean that the event belongs to another
  // attempt.
  return FOR_A_PERSON.has(refused) ? { kind: 'parked', why: refused } : { kind: 'refused', why: refused }
}

/**
 * Queries the provider and records its answer instead of the event. Details that only the event states about the same
 * money are merged in.
 */
async function checkFact(
  context: Context,
  rail: Rail,
  event: StoredEvent,
  attempt: AttemptRow,
  fact: Fact,
): Promise<Handled> {
  const { collect } = rail
  if (!collect) return { kind: 'parked', why: 'the rail has no status query' }
  const proven = await adoptReference(context, attempt, fact)
  if ('refused' in proven) return proven.refused
  const answer = await queryProvider(context, collect, proven.attempt)
  if (!answer) return { kind: 'later', why: 'the provider did not answer the query' }
  const reported = fact.outcome
  if (reported.kind === 'received' && answer.kind === 'received')
    return recordFact(context, attempt, mergeReceipts(answer, reported), 'check')
  const recorded = await recordFact(context, attempt, withDecline(answer, reported), 'check')
  if (recorded.kind !== 'done' || reported.kind === answer.kind) return recorded
  // The event claims nothing, so the answer is enough. Polling continues.
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
  return { kind: 'parked', why: `the event says ${reported.kind}, the provider says ${answer.kind}` }
}

/**
 * Stores the reference that the event names when the submission's answer was lost. The callback token or the signature
 * proves which attempt the event belongs to.
 */
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

/**
 * Adds the event's decline reason to a `pending` answer. A declined card is visible only in the event while the page is
 * still open.
 */
function withDecline(answer: Outcome, reported: Outcome): Outcome {
  const declined = reported.kind === 'pending' ? reported.declined : undefined
  return answer.kind === 'pending' && declined !== undefined ? { declined, ...answer } : answer
}

/**
 * Returns the confirmed receipts, with the event's stated amount and number for the same receipt when the answer states
 * none.
 */
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
