import { LRUCache } from 'lru-cache'
import { addMs, monotonicMs } from '#platform/base/clock'
import { describeError } from '#platform/base/errors'
import { isClaimHeld, type DueQueue } from '#platform/runtime/jobs'
import { DELIVERIES_QUEUE, type WebhooksContext } from './context.ts'
import { markDisabled } from './endpoint-store.ts'
import { secretContext } from './endpoints.ts'
import { DISABLE_AFTER_MS, nextAttemptAt, parseRetryAfter } from './schedule.ts'
import {
  claimDeliveries,
  closePendingDeliveries,
  DELIVERIES,
  holdsDelivery,
  recordFinalAttempt,
  recordRetry,
  type AttemptRow,
  releaseDelivery,
  type Claimed,
} from './queue-store.ts'
import { signedHeaders } from './signing.ts'

/** Response deadline. An endpoint should store the event, answer, and process it afterwards. */
const DEADLINE_MS = 10_000
/** Deadline of a delivery with its records in the database. */
const HANDLE_LIMIT_MS = 45_000
/** Maximum response bytes read; 4 kB are stored. Reading more lets the connection be reused. */
const READ_BYTES = 64 * 1024
const STORED_BYTES = 4096
const ERROR_LENGTH = 300

/**
 * Maximum concurrent deliveries in this process. It is high because deliveries mostly wait. An endpoint gets a few of these slots. A
 * failing or slow endpoint gets so few that a hundred such endpoints leave capacity for others.
 */
const CONCURRENCY = 256
const PLACES = { working: 16, failing: 2 }
const SLOW_MS = 2000
const SLOW_CACHE_SIZE = 10_000
const PLACES_PER_WAKE = 4

export function deliveriesQueue(context: WebhooksContext): DueQueue<ClaimedAt> {
  const busy = new Map<string, number>()
  const slow = new LRUCache<string, true>({ max: SLOW_CACHE_SIZE })
  const adjustBusy = (endpointId: string, by: 1 | -1): number => {
    const after = (busy.get(endpointId) ?? 0) + by
    if (after === 0) busy.delete(endpointId)
    else busy.set(endpointId, after)
    return after
  }
  return {
    name: DELIVERIES_QUEUE,
    concurrency: CONCURRENCY,
    batch: 64,
    idleMs: 500,
    limitMs: HANDLE_LIMIT_MS,
    claims: DELIVERIES,
    claim: async (limit, now, holder) => {
      const claimedMs = monotonicMs()
      const claimed = await claimDeliveries(context.db, {
        limit,
        now,
        holder,
        busy,
        slow: [...slow.keys()],
        places: PLACES,
      })
      for (const { endpointId } of claimed) adjustBusy(endpointId, 1)
      return claimed.map((delivery) => ({ ...delivery, holder, claimedMs }))
    },
    handle: async (delivery) => {
      try {
        const took = await deliver(context, delivery)
        if (took !== undefined && took >= SLOW_MS) slow.set(delivery.endpointId, true)
        else if (took !== undefined) slow.delete(delivery.endpointId)
      } finally {
        // Wake the queue for deliveries that wait for a slot or behind this one. Under load, wake once per several slots.
        if (adjustBusy(delivery.endpointId, -1) % PLACES_PER_WAKE === 0) context.wake()
      }
    },
  }
}

/** A delivery with its holder and the monotonic time before its claim. */
type ClaimedAt = Claimed & { readonly holder: string; readonly claimedMs: number }

/** @returns how long the endpoint took in ms; undefined when nothing was sent */
async function deliver(context: WebhooksContext, delivery: ClaimedAt): Promise<number | undefined> {
  const now = context.clock.now()
  if (!delivery.active) {
    await closePendingDeliveries(context.db, { endpointId: delivery.endpointId, state: 'canceled', now })
    return undefined
  }
  // The claim was lost while the delivery waited in this process, or the process was frozen. The next holder sends it.
  const isHeld = await isClaimHeld(delivery.claimedMs, () => holdsDelivery(context.db, delivery, delivery.holder))
  if (!isHeld) {
    await releaseDelivery(context.db, delivery)
    return undefined
  }
  if (delivery.tries === 1) context.meters.delay.observe((now.getTime() - delivery.createdAt.getTime()) / 1000)
  const sent = await send(context, delivery, now)
  if (sent.ok) {
    await recordFinalAttempt(context.db, delivery, {
      state: 'succeeded',
      attempt: sent.attempt,
      now: context.clock.now(),
    })
    context.meters.attempts.inc({ result: 'succeeded' })
  } else {
    await fail(context, delivery, sent)
  }
  return sent.attempt.ms
}

interface Sent {
  readonly ok: boolean
  readonly attempt: AttemptRow
  readonly retryAfterMs: number | undefined
}

/** Sends one attempt. A redirect is a failure. An endless response is cut, and its status decides. */
async function send(context: WebhooksContext, delivery: Claimed, at: Date): Promise<Sent> {
  const { body, endpointId, eventId, url } = delivery
  const from = monotonicMs()
  const elapsedMs = (): number => Math.round(monotonicMs() - from)
  try {
    const secrets = delivery.secrets.map((sealed) => context.masterKey.open(sealed, secretContext(endpointId)))
    const answer = await context.fetch.untrusted({
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Purser-Webhooks',
        ...signedHeaders(eventId, at, body, secrets),
      },
      body,
      deadlineMs: DEADLINE_MS,
      maxBytes: READ_BYTES,
      truncateBody: true,
      label: 'webhooks.deliver',
    })
    const { status } = answer
    const ok = status >= 200 && status <= 299
    const text = answer.body.subarray(0, STORED_BYTES).toString('utf8').replaceAll('\0', '\uFFFD')
    return {
      ok,
      attempt: { at, ms: elapsedMs(), status, answer: text, error: ok ? null : describeStatus(status) },
      retryAfterMs: parseRetryAfter(answer.headers['retry-after'], at),
    }
  } catch (error) {
    const attempt = {
      at,
      ms: elapsedMs(),
      status: null,
      answer: null,
      error: describeError(error).slice(0, ERROR_LENGTH),
    }
    return { ok: false, attempt, retryAfterMs: undefined }
  }
}

const describeStatus = (status: number): string =>
  status >= 300 && status <= 399
    ? `The endpoint answered ${status}, and redirects are not followed. Set the endpoint to its final URL.`
    : `The endpoint answered ${status}. Answer 200 to 299 to confirm an event.`

const HTTP_GONE = 410

async function fail(context: WebhooksContext, delivery: Claimed, { attempt, retryAfterMs }: Sent): Promise<void> {
  const now = context.clock.now()
  const dueAt =
    attempt.status === HTTP_GONE ? undefined : nextAttemptAt(delivery.id, delivery.failures + 1, now, retryAfterMs)
  if (dueAt) await recordRetry(context.db, delivery, { attempt, dueAt, now })
  else await recordFinalAttempt(context.db, delivery, { state: 'failed', attempt, now })
  context.meters.attempts.inc({ result: dueAt ? 'failed' : 'given-up' })
  context.log.debug(
    { deliveryId: delivery.id, endpointId: delivery.endpointId, status: attempt.status },
    'delivery failed',
  )
  const failingBefore = addMs(now, -DISABLE_AFTER_MS)
  if (attempt.status === HTTP_GONE) await disable(context, delivery, 'gone', { now, failingBefore })
  else if (delivery.failingSince && delivery.failingSince <= failingBefore) {
    await disable(context, delivery, 'failing', { now, failingBefore })
  }
}

/** Marks the endpoint's pending deliveries as failed, so that one call can redeliver them. */
async function disable(
  { db, identity, subscriptions, log, meters }: WebhooksContext,
  { endpointId, merchantId }: Claimed,
  why: 'failing' | 'gone',
  { now, failingBefore }: { now: Date; failingBefore: Date },
): Promise<void> {
  const disabled = await db.transaction(async (tx) => {
    if (!(await markDisabled(tx, { id: endpointId, why, at: now, failingBefore }))) return false
    await closePendingDeliveries(tx, { endpointId, state: 'failed', now })
    const actor = { type: 'system', id: 'webhooks' } as const
    const detail = { merchant: merchantId, why }
    await identity.audit.record(tx, { actor, action: 'webhooks.endpoint-disabled', target: endpointId, detail })
    tx.afterCommit(() => subscriptions.invalidate(merchantId))
    return true
  })
  if (!disabled) return
  meters.disabled.inc({ reason: why })
  log.error({ alert: 'webhook-endpoint-disabled', endpointId, merchantId, why }, 'a webhook endpoint was disabled')
}
