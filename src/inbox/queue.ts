import { addMs } from '#platform/base/clock'
import { describeError } from '#platform/base/errors'
import type { DueQueue } from '#platform/runtime/jobs'
import type { Fact, InboundEvent, Rail, RefundFact } from '#rails/contract'
import { INBOX_QUEUE, type InboxContext } from './context.ts'
import { claimEvents, closeEvent, EVENTS, postponeEvent } from './store.ts'
import { readSubject } from './tokens.ts'
import type { Handled, StoredEvent } from './types.ts'

const SLOWEST_MS = 15 * 60_000

/** Creates the queue of stored events that are not handled yet. */
export function inboxQueue(context: InboxContext): DueQueue<StoredEvent> {
  return {
    name: INBOX_QUEUE,
    concurrency: 8,
    batch: 32,
    idleMs: 500,
    claims: EVENTS,
    claim: (limit, now, holder) => claimEvents(context.db, limit, now, holder),
    handle: (event) => handleEvent(context, event),
  }
}

async function handleEvent(context: InboxContext, event: StoredEvent): Promise<void> {
  const rail = context.rails.find(({ name }) => name === event.rail)
  const facts = rail ? parse(context, rail, event) : 'the rail is not configured'
  if (typeof facts === 'string') return close(context, event, 'parked', facts)
  if (!rail || facts.length === 0) return close(context, event, 'ignored', 'the event holds no payment or refund fact')
  // Handle all facts before the event's result is decided. Handlers are idempotent, so a retry handles all facts again.
  const results: Handled[] = []
  for (const fact of facts) results.push(await handle(context, rail, event, fact))
  const later = results.find((result) => result.kind === 'later')
  if (later) return retry(context, event, later.why)
  const parked = results.find((result) => result.kind === 'parked')
  if (parked) return close(context, event, 'parked', parked.why)
  const ignored = results.find((result) => result.kind === 'ignored')
  if (ignored) return close(context, event, 'ignored', ignored.why)
  const refused = results.find((result) => result.kind === 'refused')
  return refused ? close(context, event, 'ignored', `refused: ${refused.why}`) : close(context, event, 'done', null)
}

/** Calls the handler of a fact. An internal error neither loses the event nor retries it in a tight loop. */
async function handle(
  context: InboxContext,
  rail: Rail,
  event: StoredEvent,
  fact: Fact | RefundFact,
): Promise<Handled> {
  const handlers = context.handlers()
  try {
    return await ('kind' in fact ? handlers.refund(rail, fact) : handlers.payment(rail, event, fact))
  } catch (error) {
    context.log.error(
      { rail: rail.name, event: event.eventKey, tries: event.tries, error },
      'event could not be handled',
    )
    return { kind: 'later', why: `not handled: ${describeError(error)}`.slice(0, 300) }
  }
}

function parse(
  context: InboxContext,
  rail: Rail,
  { raw, tokenSubject, receivedAt, eventKey }: StoredEvent,
): readonly (Fact | RefundFact)[] | string {
  const tokenRefund = tokenSubject === null ? undefined : readSubject(tokenSubject)
  const ofAttempt = tokenRefund ? undefined : (tokenSubject ?? undefined)
  const event: InboundEvent = { rawBody: raw, tokenAttemptId: ofAttempt, tokenRefund, receivedAt }
  try {
    const refunds = rail.refund?.parse?.(event) ?? []
    if (tokenRefund) return refunds
    return rail.webhook ? [...rail.webhook.parse(event), ...refunds] : 'the rail has no webhook'
  } catch (error) {
    context.log.error({ rail: rail.name, event: eventKey, error }, 'event could not be parsed: parked')
    context.securityEvent('malformed-event', { rail: rail.name, attemptId: tokenSubject ?? undefined, event: eventKey })
    return `not understood: ${describeError(error)}`.slice(0, 300)
  }
}

async function close(
  context: InboxContext,
  event: StoredEvent,
  state: 'done' | 'parked' | 'ignored',
  note: string | null,
): Promise<void> {
  await closeEvent(context.db, event, state, note)
  context.meters.events.inc({ rail: event.rail, result: state })
}

async function retry(context: InboxContext, event: StoredEvent, why: string): Promise<void> {
  const now = context.clock.now()
  if (now >= event.retryUntil) {
    context.securityEvent('unresolved-event', { rail: event.rail, event: event.eventKey })
    return close(context, event, 'parked', `not handled in time: ${why}`)
  }
  await postponeEvent(
    context.db,
    event,
    addMs(now, Math.min(1000 * 2 ** Math.min(event.tries - 1, 20), SLOWEST_MS)),
    why,
  )
}
