import { addMs } from '#platform/clock'
import { describeError } from '#platform/errors'
import type { DueQueue } from '#platform/jobs'
import { readSubject } from './callback.ts'
import { INBOX_QUEUE, railOf, securityEvent, type Core } from './core.ts'
import { handleFact, type Handled } from './facts.ts'
import { claimEvents, closeEvent, freeEvents, postponeEvent, type EventRow } from './inbox-store.ts'
import type { Fact, InboundEvent, Rail, RefundFact } from '#rails/contract'
import { handleRefundFact } from './refunds/facts.ts'

/** Handling takes a question to the provider at most per fact; a worker that died in the middle is replaced after it. */
const LEASE_MS = 120_000
/** An event that cannot be understood or confirmed for so long waits for a person. */
export const RETRY_FOR_MS = 24 * 60 * 60_000
const SLOWEST_MS = 15 * 60_000

/** What providers told us and nobody has handled yet. */
export function inboxQueue(core: Core): DueQueue<EventRow> {
  return {
    name: INBOX_QUEUE,
    concurrency: 8,
    batch: 32,
    idleMs: 500,
    claim: (limit, now) => claimEvents(core.db, limit, now, addMs(now, LEASE_MS)),
    adopt: (now) => freeEvents(core.db, now, addMs(now, LEASE_MS)),
    handle: (event) => handleEvent(core, event),
  }
}

async function handleEvent(core: Core, event: EventRow): Promise<void> {
  const rail = railOf(core, event.rail)
  const facts = rail ? parse(core, rail, event) : 'no such rail'
  if (typeof facts === 'string') return close(core, event, 'parked', facts)
  if (!rail || facts.length === 0) return close(core, event, 'ignored', 'nothing for us in it')
  // All facts are handled before the event is judged; they are repeatable, so a retry handles them all again.
  const results: Handled[] = []
  for (const fact of facts) results.push(await handle(core, rail, event, fact))
  const later = results.find((result) => result.kind === 'later')
  if (later) return retry(core, event, later.why)
  const parked = results.find((result) => result.kind === 'parked')
  if (parked) return close(core, event, 'parked', parked.why)
  const ignored = results.find((result) => result.kind === 'ignored')
  if (ignored) return close(core, event, 'ignored', ignored.why)
  const refused = results.find((result) => result.kind === 'refused')
  return refused ? close(core, event, 'ignored', `refused: ${refused.why}`) : close(core, event, 'done', null)
}

/** An error of ours is no reason to lose the event, nor to try it at once and for ever. */
async function handle(core: Core, rail: Rail, event: EventRow, fact: Fact | RefundFact): Promise<Handled> {
  try {
    return await ('kind' in fact ? handleRefundFact(core, rail, fact) : handleFact(core, rail, event, fact))
  } catch (error) {
    core.log.error({ rail: rail.name, event: event.eventKey, tries: event.tries, error }, 'event could not be handled')
    return { kind: 'later', why: `not handled: ${describeError(error)}`.slice(0, 300) }
  }
}

function parse(
  core: Core,
  rail: Rail,
  { raw, tokenAttemptId, receivedAt, eventKey }: EventRow,
): readonly (Fact | RefundFact)[] | string {
  const tokenRefund = tokenAttemptId === null ? undefined : readSubject(tokenAttemptId)
  const ofAttempt = tokenRefund ? undefined : (tokenAttemptId ?? undefined)
  const event: InboundEvent = { rawBody: raw, tokenAttemptId: ofAttempt, tokenRefund, receivedAt }
  try {
    const refunds = rail.refund?.parse?.(event) ?? []
    if (tokenRefund) return refunds
    return rail.webhook ? [...rail.webhook.parse(event), ...refunds] : 'the rail has no webhook'
  } catch (error) {
    core.log.error({ rail: rail.name, event: eventKey, error }, 'event of a shape never seen: parked')
    securityEvent(core, 'malformed-event', { rail: rail.name, attemptId: tokenAttemptId ?? undefined, event: eventKey })
    return `not understood: ${describeError(error)}`.slice(0, 300)
  }
}

async function close(
  core: Core,
  event: EventRow,
  state: 'done' | 'parked' | 'ignored',
  note: string | null,
): Promise<void> {
  await closeEvent(core.db, event, state, note)
  core.meters.inbox.inc({ rail: event.rail, result: state })
}

async function retry(core: Core, event: EventRow, why: string): Promise<void> {
  const now = core.clock.now()
  if (now >= event.retryUntil) {
    securityEvent(core, 'unresolved-event', { rail: event.rail, event: event.eventKey })
    return close(core, event, 'parked', `tried long enough: ${why}`)
  }
  await postponeEvent(core.db, event, addMs(now, Math.min(1000 * 2 ** Math.min(event.tries - 1, 20), SLOWEST_MS)), why)
}
