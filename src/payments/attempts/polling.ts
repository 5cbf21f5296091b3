import { money } from '#money'
import { addMs } from '#platform/base/clock'
import { FetchError } from '#platform/web/fetch'
import { isDatabaseUnavailable } from '#platform/database/db'
import type { DueQueue } from '#platform/runtime/jobs'
import type { AttemptRef, Collect, Outcome } from '#rails/contract'
import { ATTEMPTS_QUEUE, type Context, railOf } from '../context.ts'
import { notFound } from '../errors.ts'
import { isLive, isEnded } from '../intents/state.ts'
import { type AttemptRow, ATTEMPTS, claimDue, listAttempts, postponeAttempt } from '../store/attempts.ts'
import { findIntent } from '../store/intents.ts'
import { recordAnswer } from './answers.ts'
import { requestOf, submit } from './attempts.ts'
import { type Recorded, recordOutcome } from './outcomes.ts'
import { backOff, giveUp, nextCheckAt, nextFeeCheckAt } from './schedule.ts'

/** Creates the queue of due attempts. Every pending attempt is polled, because a callback may never arrive. */
export function attemptsQueue(context: Context): DueQueue<AttemptRow> {
  return {
    name: ATTEMPTS_QUEUE,
    concurrency: 8,
    batch: 32,
    idleMs: 500,
    claims: ATTEMPTS,
    claim: (limit, now, holder) => claimDue(context.db, limit, now, holder),
    handle: (attempt) => pollOrBackOff(context, attempt),
  }
}

/**
 * Polls an attempt. An exception here is an internal error, not one of the provider: the check is retried with backoff.
 */
async function pollOrBackOff(context: Context, attempt: AttemptRow): Promise<void> {
  try {
    await pollAttempt(context, attempt)
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error
    const { id: attemptId, intentId: paymentId, rail, checks } = attempt
    const now = context.clock.now()
    context.log.error({ paymentId, attemptId, rail, checks, error }, 'attempt could not be checked')
    await postponeAttempt(context.db, attempt, { checks: checks + 1, dueAt: backOff(checks, now), now })
  }
}

async function pollAttempt(context: Context, attempt: AttemptRow): Promise<void> {
  switch (attempt.state) {
    case 'created':
      await submit(context, attempt)
      return
    case 'submitting': {
      // The process that called the rail has died and the call may have reached the provider: query it from now on,
      // never send again.
      const { attempt: after } = await recordOutcome(context, {
        attempt,
        outcome: { kind: 'interrupted', why: 'no answer was recorded' },
        from: 'event',
        held: attempt,
      })
      if (after.claim === attempt.claim) await checkAttempt(context, after)
      return
    }
    case 'pending':
    case 'unknown':
    case 'abandoned':
    case 'settled':
      // A settled attempt is due while the provider's fee is unknown.
      await checkAttempt(context, attempt)
      return
    case 'failed':
      await postponeAttempt(context.db, attempt, { ...attempt, dueAt: null, now: context.clock.now() })
  }
}

/**
 * Queries the provider and records the answer. Gives the attempt up when its time has ended. A provider error never
 * fails an attempt.
 */
async function checkAttempt(context: Context, attempt: AttemptRow): Promise<void> {
  const collect = railOf(context, attempt.rail)?.collect
  if (!collect) {
    const now = context.clock.now()
    await postponeAttempt(context.db, attempt, { ...attempt, dueAt: addMs(now, 60 * 60_000), now })
    return
  }
  await closeIfEnded(context, collect, attempt)
  const outcome = await queryProvider(context, collect, attempt)
  const recorded = outcome
    ? await recordOutcome(context, { attempt, outcome, from: 'check', held: attempt })
    : { attempt: await postponeCheck(context, collect, attempt) }
  await giveUpIfDue(context, collect, recorded, outcome?.kind ?? 'error', attempt)
}

/**
 * Closes a provider page when its payment has been paid another way, canceled or expired. The query that follows
 * reports the result.
 */
async function closeIfEnded(context: Context, collect: Collect, attempt: AttemptRow): Promise<void> {
  const { rail, id: attemptId, intentId: paymentId, reference, state } = attempt
  if (!collect.close || reference === null || (state !== 'pending' && state !== 'unknown')) return
  const intent = await findIntent(context.db, paymentId)
  if (!intent || !isEnded(intent.status)) return
  try {
    await collect.close(await toAttemptRef(context, attempt))
  } catch (error) {
    context.log.warn({ paymentId, attemptId, rail, error }, 'page could not be closed')
  }
}

/**
 * Closes a provider page so that another attempt can start, and records the provider's answer afterwards. The attempt
 * stays live when the page stays open or the provider does not answer. Provider errors do not throw.
 */
export async function closePage(context: Context, attempt: AttemptRow): Promise<void> {
  const { rail, id: attemptId, intentId: paymentId, state } = attempt
  const collect = railOf(context, rail)?.collect
  // Another request is creating the page now, so there is no reference to close yet.
  if (!collect || state === 'created' || state === 'submitting') return
  const ask = async (row: AttemptRow): Promise<AttemptRow> => {
    const outcome = await queryProvider(context, collect, row)
    return outcome ? (await recordOutcome(context, { attempt: row, outcome, from: 'event' })).attempt : row
  }
  // The answer with the page's reference was lost; a query returns it.
  const known = attempt.reference === null ? await ask(attempt) : attempt
  if (known.reference === null || !isLive(known.state)) return
  try {
    await collect.close?.(await toAttemptRef(context, known))
  } catch (error) {
    context.log.warn({ paymentId, attemptId, rail, error }, 'page could not be closed')
  }
  await ask(known)
}

/** See Payments.pollAttempt. */
export async function pollPages(context: Context, intentId: string): Promise<void> {
  const attempts = await listAttempts(context.db, intentId)
  const pages = attempts.filter(({ kind, state }) => kind === 'page' && (state === 'pending' || state === 'unknown'))
  await Promise.all(
    pages.map(async (attempt) => {
      const collect = railOf(context, attempt.rail)?.collect
      const outcome = collect && (await queryProvider(context, collect, attempt))
      // Recorded as an event, not as a check: payers reload often, and that must not slow down polling.
      if (outcome) await recordOutcome(context, { attempt, outcome, from: 'event' })
    }),
  )
}

/** Returns the rail's answer; undefined when the provider did not answer. No transaction is open during the query. */
export async function queryProvider(
  context: Context,
  collect: Collect,
  attempt: AttemptRow,
): Promise<Outcome | undefined> {
  const { rail, id: attemptId, intentId: paymentId } = attempt
  const ref = await toAttemptRef(context, attempt)
  try {
    const outcome = await collect.check(ref)
    context.meters.checks.inc({ rail, answer: outcome.kind })
    await recordAnswer(context, attempt, outcome.kind !== 'unknown')
    return outcome
  } catch (error) {
    context.meters.checks.inc({ rail, answer: 'error' })
    context.log.warn(
      { paymentId, attemptId, rail, error: error instanceof FetchError ? error.code : error },
      'provider did not answer a query',
    )
    await recordAnswer(context, attempt, false)
    return undefined
  }
}

async function toAttemptRef(context: Context, attempt: AttemptRow): Promise<AttemptRef> {
  const intent = await findIntent(context.db, attempt.intentId)
  if (!intent) throw notFound()
  return {
    attemptId: attempt.id,
    intentId: attempt.intentId,
    amount: money(attempt.asset, attempt.amount),
    payer: attempt.payer,
    reference: attempt.reference ?? undefined,
    createdAt: attempt.createdAt,
    request: requestOf(context, intent, attempt),
  }
}

async function postponeCheck(context: Context, collect: Collect, attempt: AttemptRow): Promise<AttemptRow> {
  const after = { ...attempt, checks: attempt.checks + 1 }
  const now = context.clock.now()
  const awaitsFee = attempt.state === 'settled'
  const dueAt = awaitsFee ? nextFeeCheckAt(attempt.endedAt ?? now, now) : nextCheckAt(after, collect, now)
  await postponeAttempt(context.db, attempt, { ...after, dueAt, now })
  return { ...after, dueAt }
}

async function giveUpIfDue(
  context: Context,
  collect: Collect,
  { attempt }: Recorded,
  answer: Outcome['kind'] | 'error',
  held: AttemptRow,
): Promise<void> {
  const end = giveUp(attempt, answer, collect, context.clock.now())
  if (!end) return
  const outcome =
    end === 'abandon' ? { kind: 'abandon' as const } : { kind: 'failed' as const, reason: 'expired' as const }
  await recordOutcome(context, { attempt, outcome, from: 'event', held })
}
