import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { addMs } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import { createBatcher } from '#platform/base/batch'
import { isRowRefused } from '#platform/database/db'
import type { HttpServer } from '#platform/web/http'
import type { Rail, Webhook } from '#rails/contract'
import { INBOX_QUEUE, RETRY_FOR_MS, type InboxContext } from './context.ts'
import { sizeOfEvent } from './spool-records.ts'
import { insertEvents, type NewEvent } from './store.ts'
import { readSubject, subjectOfToken } from './tokens.ts'

/** Maximum body size. Provider events are a few kilobytes; Stripe's largest objects are some tens. */
const BODY_LIMIT = 256 * 1024
const ACCEPTED = { received: true }
/** Maximum events per insert, when they arrive faster than the database answers. */
const MAX_BATCH_ITEMS = 32
/** Maximum size of the events that wait for their insert, in bytes. While the database is frozen, further events are spooled at once. */
const MAX_WAITING = 16 * 1024 * 1024

/** Time for the insert, after which the event is spooled. Providers wait about ten seconds for an answer. */
const STORE_LIMIT_MS = 5_000

const params = z.object({ rail: z.string().max(40), token: z.string().max(200).optional() })

/** Adds the webhook routes. An event is verified, stored (or spooled) and acknowledged; a queue handles it afterwards. */
export function webhookRoutes(context: InboxContext, app: HttpServer): void {
  const insert = createBatcher((rows: readonly NewEvent[]) => insertEvents(context.db, rows), {
    ...{ maxItems: MAX_BATCH_ITEMS, maxWaiting: MAX_WAITING, sizeOf: sizeOfEvent },
  })
  const store = storeOrSpool(context, insert)
  // Instances that only run a command never listen.
  app.addHook('onListen', (done) => {
    void context.spool?.start()
    done()
  })
  app.addHook('onClose', () => context.spool?.stop())
  for (const url of ['/api/webhook/:rail', '/api/webhook/:rail/:token']) {
    app.route({
      method: 'POST',
      url,
      bodyLimit: BODY_LIMIT,
      config: { rawBody: true },
      schema: { hide: true, params },
      handler: async (request, reply) => {
        const { rail: name, token } = request.params
        const accepted = await receive(context, store, { name, token, request })
        return reply.code(200).send(accepted)
      },
    })
  }
}

interface Inbound {
  readonly name: string
  readonly token: string | undefined
  readonly request: Pick<FastifyRequest, 'headers' | 'rawBody' | 'ip'>
}

type Stored = 'stored' | 'repeated' | 'spooled'
type Store = (event: NewEvent) => Promise<Stored>

/**
 * Stores an event, or spools it when the database cannot store it now or does not answer in time. The insert may still succeed then: the
 * drain of the spool changes nothing for an event that is already stored. An event that the database refuses is not spooled.
 */
function storeOrSpool({ spool }: InboxContext, insert: (event: NewEvent) => Promise<boolean>): Store {
  return async (event) => {
    const inserting = insert(event)
    try {
      const isNew = await (spool ? endsWithin(inserting, STORE_LIMIT_MS) : inserting)
      return isNew ? 'stored' : 'repeated'
    } catch (error) {
      if (!spool || isRowRefused(error)) throw error
      await spool.add(event)
      return 'spooled'
    }
  }
}

class TooLate extends Error {}

async function endsWithin<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TooLate()), limitMs)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

async function receive(context: InboxContext, store: Store, inbound: Inbound): Promise<object> {
  const { rail, webhook } = requireRail(context, inbound.name)
  const subject = requireToken(context, rail, inbound.token)
  const tokenRefund = subject === undefined ? undefined : readSubject(subject)
  const tokenAttemptId = tokenRefund ? undefined : subject
  const { headers, rawBody, ip: address } = inbound.request
  const now = context.clock.now()
  const verdict = webhook.verify({ headers, rawBody, tokenAttemptId, tokenRefund, now, address })
  if (!verdict.ok) throw refuse(context, rail, 'forged-callback', verdict, subject)
  const eventKey = verdict.eventId ?? hashOf(subject, rawBody)
  const result = await store({
    rail: rail.name,
    eventKey,
    raw: rawBody,
    tokenSubject: subject ?? null,
    receivedAt: now,
    retryUntil: addMs(now, RETRY_FOR_MS),
  })
  context.meters.events.inc({ rail: rail.name, result })
  if (result === 'stored') context.jobs().wake(INBOX_QUEUE)
  // Providers repeat callbacks, so a repeat gets the same answer. It changes nothing and is reported as a security
  // event.
  if (result === 'repeated')
    context.securityEvent('replayed-callback', { rail: rail.name, attemptId: subject, event: eventKey })
  return webhook.accepted ?? ACCEPTED
}

/**
 * Finds the rail of a webhook path. A rail that is off accepts nothing: a missing secret must not disable verification.
 */
function requireRail(context: InboxContext, name: string): { rail: Rail; webhook: Webhook } {
  const rail = context.rails.find((each) => each.name === name || each.webhook?.pathAlias === name)
  if (!rail?.webhook || rail.unavailable() !== undefined) {
    throw new AppError(
      'payments.no-such-webhook',
      404,
      'There is no webhook at this URL. Check the rail’s name and that the rail is configured.',
    )
  }
  return { rail, webhook: rail.webhook }
}

function requireToken(context: InboxContext, rail: Rail, token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  const subject = subjectOfToken(context.callbackKey, token)
  if (subject === undefined)
    throw refuse(context, rail, 'forged-token', { status: 401, why: 'the token is not valid' }, undefined)
  return subject
}

function refuse(
  context: InboxContext,
  rail: Rail,
  event: string,
  { status, why }: { status: number; why: string },
  attemptId: string | undefined,
): AppError {
  context.securityEvent(event, { rail: rail.name, attemptId, why })
  return new AppError('payments.callback-refused', status, 'The callback was refused.')
}

/**
 * Returns the event key for an event without a provider id. The key includes the token's subject, so that a body copied
 * to another callback path cannot replace the real event.
 */
const hashOf = (tokenAttemptId: string | undefined, rawBody: Buffer): string =>
  hash('sha256', Buffer.concat([Buffer.from(`${tokenAttemptId ?? ''}\n`), rawBody]))
