import { money } from '#money'
import { addMs } from '#platform/base/clock'
import { FetchError } from '#platform/web/fetch'
import type { DueQueue } from '#platform/runtime/jobs'
import type { AttemptRef, Collect, Outcome } from '#rails/contract'
import { ATTEMPTS_QUEUE, type Context, railOf } from '../context.ts'
import { notFound } from '../errors.ts'
import { isLive, isOver } from '../intents/state.ts'
import { type AttemptRow, claimDue, listAttempts, postponeAttempt, releaseAttemptClaims } from '../store/attempts.ts'
import { findIntent } from '../store/intents.ts'
import { requestOf, submit } from './attempts.ts'
import { type Recorded, recordOutcome } from './outcomes.ts'
import { backOff, giveUp, nextCheckAt, nextFeeCheckAt } from './schedule.ts'

/** A question to a provider ends well within this; a worker that died in the middle is replaced after it. */
const LEASE_MS = 120_000

/** Attempts that are due: everything pending is asked about, because a callback may never come. */
export function attemptsQueue(context: Context): DueQueue<AttemptRow> {
  return {
    name: ATTEMPTS_QUEUE,
    concurrency: 8,
    batch: 32,
    idleMs: 500,
    claim: (limit, now) => claimDue(context.db, limit, now, addMs(now, LEASE_MS)),
    releaseClaims: (now) => releaseAttemptClaims(context.db, now, addMs(now, LEASE_MS)),
    handle: (attempt) => pollOrBackOff(context, attempt),
  }
}

/** What throws here is an error of ours, not of the provider: it is tried again, less and less often. */
async function pollOrBackOff(context: Context, attempt: AttemptRow): Promise<void> {
  try {
    await look(context, attempt)
  } catch (error) {
    const { id: attemptId, intentId: paymentId, rail, checks } = attempt
    context.log.error({ paymentId, attemptId, rail, checks, error }, 'attempt could not be looked at')
    await postponeAttempt(context.db, { ...attempt, checks: checks + 1, dueAt: backOff(checks, context.clock.now()) })
  }
}

async function look(context: Context, attempt: AttemptRow): Promise<void> {
  switch (attempt.state) {
    case 'created':
      await submit(context, attempt)
      return
    case 'submitting': {
      // Whoever called the rail is gone, and the call may have reached it: from now on it is asked about and never sent again.
      const { attempt: after } = await recordOutcome(context, {
        attempt,
        outcome: { kind: 'interrupted', why: 'no answer was recorded' },
        from: 'event',
      })
      await checkAttempt(context, after)
      return
    }
    case 'pending':
    case 'unknown':
    case 'abandoned':
    case 'settled':
      // One that is settled is due when the provider has yet to say what it kept.
      await checkAttempt(context, attempt)
      return
    case 'failed':
      await postponeAttempt(context.db, { ...attempt, dueAt: null })
  }
}

/** Asks the provider and records the answer; ends the waiting when it is time. Errors of the provider never fail an attempt. */
async function checkAttempt(context: Context, attempt: AttemptRow): Promise<void> {
  const collect = railOf(context, attempt.rail)?.collect
  if (!collect) {
    await postponeAttempt(context.db, { ...attempt, dueAt: addMs(context.clock.now(), 60 * 60_000) })
    return
  }
  await closeIfOver(context, collect, attempt)
  const outcome = await queryProvider(context, collect, attempt)
  const recorded = outcome
    ? await recordOutcome(context, { attempt, outcome, from: 'check' })
    : { attempt: await postponeCheck(context, collect, attempt) }
  await endWaiting(context, collect, recorded, outcome?.kind ?? 'error')
}

/** A page outlives the payment when that is paid otherwise, canceled or expired: it is closed, and the check after it tells how that went. */
async function closeIfOver(context: Context, collect: Collect, attempt: AttemptRow): Promise<void> {
  const { rail, id: attemptId, intentId: paymentId, reference, state } = attempt
  if (!collect.close || reference === null || (state !== 'pending' && state !== 'unknown')) return
  const intent = await findIntent(context.db, paymentId)
  if (!intent || !isOver(intent.status)) return
  try {
    await collect.close(await refOf(context, attempt))
  } catch (error) {
    context.log.warn({ paymentId, attemptId, rail, error }, 'page could not be closed')
  }
}

/**
 * Ends a page at its provider so that another attempt can start, and records what the provider says of it afterwards. A page that stays open, or
 * whose provider does not answer, stays live. Never throws for what a provider did.
 */
export async function closePage(context: Context, attempt: AttemptRow): Promise<void> {
  const { rail, id: attemptId, intentId: paymentId, state } = attempt
  const collect = railOf(context, rail)?.collect
  // The call that creates the page is under way in another request: nothing is known to close yet.
  if (!collect || state === 'created' || state === 'submitting') return
  const ask = async (row: AttemptRow): Promise<AttemptRow> => {
    const outcome = await queryProvider(context, collect, row)
    return outcome ? (await recordOutcome(context, { attempt: row, outcome, from: 'event' })).attempt : row
  }
  // The answer that named the page was lost: the provider repeats it.
  const known = attempt.reference === null ? await ask(attempt) : attempt
  if (known.reference === null || !isLive(known.state)) return
  try {
    await collect.close?.(await refOf(context, known))
  } catch (error) {
    context.log.warn({ paymentId, attemptId, rail, error }, 'page could not be closed')
  }
  await ask(known)
}

/** See Payments.look. */
export async function pollPages(context: Context, intentId: string): Promise<void> {
  const attempts = await listAttempts(context.db, intentId)
  const pages = attempts.filter(({ kind, state }) => kind === 'page' && (state === 'pending' || state === 'unknown'))
  await Promise.all(
    pages.map(async (attempt) => {
      const collect = railOf(context, attempt.rail)?.collect
      const outcome = collect && (await queryProvider(context, collect, attempt))
      // Not a check: the payer may come back often, and polling must not slow down for it.
      if (outcome) await recordOutcome(context, { attempt, outcome, from: 'event' })
    }),
  )
}

/** The rail's answer, or undefined when it could not be had. No transaction is open meanwhile. */
export async function queryProvider(
  context: Context,
  collect: Collect,
  attempt: AttemptRow,
): Promise<Outcome | undefined> {
  const { rail, id: attemptId, intentId: paymentId } = attempt
  const ref = await refOf(context, attempt)
  try {
    const outcome = await collect.check(ref)
    context.meters.checks.inc({ rail, answer: outcome.kind })
    return outcome
  } catch (error) {
    context.meters.checks.inc({ rail, answer: 'error' })
    context.log.warn(
      { paymentId, attemptId, rail, error: error instanceof FetchError ? error.code : error },
      'provider could not be asked',
    )
    return undefined
  }
}

async function refOf(context: Context, attempt: AttemptRow): Promise<AttemptRef> {
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
  const waitsForFee = attempt.state === 'settled'
  const dueAt = waitsForFee ? nextFeeCheckAt(attempt.endedAt ?? now, now) : nextCheckAt(after, collect, now)
  const later = { ...after, dueAt }
  await postponeAttempt(context.db, later)
  return later
}

async function endWaiting(
  context: Context,
  collect: Collect,
  { attempt }: Recorded,
  answer: Outcome['kind'] | 'error',
): Promise<void> {
  const end = giveUp(attempt, answer, collect, context.clock.now())
  if (!end) return
  const outcome =
    end === 'abandon' ? { kind: 'abandon' as const } : { kind: 'failed' as const, reason: 'expired' as const }
  await recordOutcome(context, { attempt, outcome, from: 'event' })
}
