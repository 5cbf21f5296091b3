import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '#platform/base/clock'
import type { Db, Queryable, Tx } from '#platform/database/db'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import type { Ids } from '#platform/base/ids'
import { STRIPE } from '../credentials.ts'
import { DELIVERY_REFUSED, type Deliver } from '../deliver.ts'
import { missing, WireError } from './errors.ts'
import { stripeId } from './events.ts'
import { parseForm, toPlain } from './form.ts'
import type { CardRefunds } from './refunds.ts'
import type { Sessions } from './sessions.ts'
import { claimKey, findAnswer, findObject, insertEndpoint, listObjects, saveAnswer } from './store.ts'

export interface StripeApiDeps {
  db: Db
  clock: Clock
  ids: Ids
  sessions: Sessions
  refunds: CardRefunds
  deliver: Deliver
}

const ROOT = '/sandbox/stripe/v1'
const ID = z.object({ id: z.string() })
const count = z
  .string()
  .regex(/^\d{1,12}$/)
  .transform((text) => Number.parseInt(text, 10))
const refundParams = z.strictObject({
  charge: z.string().optional(),
  payment_intent: z.string().optional(),
  amount: count.optional(),
  reason: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
})
const refundQuery = z.strictObject({ charge: z.string(), limit: count.optional() })
const listParams = z.strictObject({
  created: z.strictObject({ gte: count.optional(), lt: count.optional() }).optional(),
  limit: count.refine((limit) => limit >= 1 && limit <= 100).optional(),
  starting_after: z.string().optional(),
})
/** A time after every object, in seconds. */
const AFTER_ALL_SECONDS = 1e12
const endpointParams = z.strictObject({ url: z.url(), enabled_events: z.array(z.string()).min(1) })

type Act = (tx: Tx, fields: unknown, livemode: boolean) => Promise<object>

/** Serves the part of Stripe's API that Purser uses. */
export function addStripeRoutes(app: HttpServer, deps: StripeApiDeps): void {
  const { db, clock, ids, sessions, refunds, deliver } = deps
  const post = (path: string, act: (id: string) => Act): void => {
    app.post(ROOT + path, { config: { rawBody: true, provider: 'stripe' }, schema: { hide: true } }, (request, reply) =>
      answer(reply, async () => {
        const livemode = requireKey(request)
        const { id } = ID.partial().parse(request.params)
        return runIdempotent(deps, request, reply, (tx, fields) => act(id ?? '')(tx, fields, livemode))
      }),
    )
  }
  const get = (path: string, read: (tx: Tx, id: string) => Promise<object>): void => {
    app.get(ROOT + path, { config: { provider: 'stripe' }, schema: { hide: true } }, (request, reply) =>
      answer(reply, async () => {
        requireKey(request)
        const { id } = ID.parse(request.params)
        const fields = toPlain(parseForm(new URL(request.url, 'http://local').search.slice(1)))
        return db.transaction(async (tx) => expand(tx, await read(tx, id), parseExpandPaths(fields)))
      }),
    )
  }

  post(
    '/checkout/sessions',
    () => async (tx, fields, livemode) =>
      expand(tx, await sessions.create(tx, fields, livemode), parseExpandPaths(fields)),
  )
  post('/checkout/sessions/:id/expire', (id) => (tx) => sessions.expire(tx, id))
  get('/checkout/sessions/:id', async (tx, id) => (await sessions.require(tx, id)).body)
  for (const kind of ['payment_intent', 'charge', 'balance_transaction', 'refund']) {
    get(`/${kind}s/:id`, (tx, id) => requireKind(tx, kind, id))
  }
  app.get(`${ROOT}/charges`, { config: { provider: 'stripe' }, schema: { hide: true } }, (request, reply) =>
    answer(reply, async () => {
      requireKey(request)
      const fields = toPlain(parseForm(new URL(request.url, 'http://local').search.slice(1)))
      const { created = {}, limit = 10, starting_after: after } = requireFields(listParams, fields)
      const span = { from: created.gte ?? 0, to: created.lt ?? AFTER_ALL_SECONDS, after, limit: limit + 1 }
      const found = await listObjects(db, { kind: 'charge', ...span })
      return { object: 'list', url: '/v1/charges', data: found.slice(0, limit), has_more: found.length > limit }
    }),
  )
  post('/refunds', () => (tx, fields) => {
    const { charge, payment_intent: paymentIntent, amount, metadata } = requireFields(refundParams, fields)
    return refunds.create(tx, { charge, paymentIntent, amount, metadata })
  })
  app.get(`${ROOT}/refunds`, { schema: { hide: true } }, (request, reply) =>
    answer(reply, async () => {
      requireKey(request)
      const fields = toPlain(parseForm(new URL(request.url, 'http://local').search.slice(1)))
      const { charge } = requireFields(refundQuery, fields)
      return { object: 'list', data: await refunds.list(db, charge), has_more: false, url: '/v1/refunds' }
    }),
  )
  post('/webhook_endpoints', () => async (tx, fields, livemode) => {
    const { url, enabled_events: events } = requireFields(endpointParams, fields)
    if (!deliver.accepts(url)) throw new WireError(400, `Invalid URL: ${DELIVERY_REFUSED}`, { param: 'url' })
    const id = stripeId(ids, 'we')
    await insertEndpoint(tx, id, url, clock.now())
    const { webhookSecret: secret } = STRIPE
    return { id, object: 'webhook_endpoint', enabled_events: events, livemode, secret, status: 'enabled', url }
  })
}

async function answer(reply: Reply, act: () => Promise<object>): Promise<Reply> {
  try {
    return await reply.send(await act())
  } catch (error) {
    if (error instanceof WireError) return reply.status(error.status).send(error.body)
    if (error instanceof RangeError) return reply.status(400).send(new WireError(400, error.message).body)
    throw error
  }
}

/** Requires a valid key. Returns whether it is a live key. */
function requireKey(request: Request): boolean {
  const { authorization } = request.headers
  if (authorization === `Bearer ${STRIPE.liveKey}`) return true
  if (authorization === `Bearer ${STRIPE.testKey}`) return false
  throw new WireError(401, 'Invalid API Key provided')
}

/**
 * Runs one POST per idempotency key: a repeat gets the first response, and other parameters are refused. Like Stripe, stores nothing for a
 * refused request.
 */
async function runIdempotent(
  { db, clock }: StripeApiDeps,
  request: Request,
  reply: Reply,
  act: (tx: Tx, fields: unknown) => Promise<object>,
): Promise<object> {
  const body = request.rawBody.toString('utf8')
  const fields = toPlain(parseForm(body))
  const key = request.headers['idempotency-key']
  return db.transaction(async (tx) => {
    if (typeof key !== 'string') return act(tx, fields)
    const { authorization = '' } = request.headers
    const scoped = createHash('sha256').update(`${authorization} ${key}`).digest('hex')
    const hash = createHash('sha256').update(`${request.url} ${body}`).digest('hex')
    if (!(await claimKey(tx, scoped, hash, clock.now()))) {
      const kept = await findAnswer(tx, scoped)
      if (kept?.requestHash !== hash) throw parameterMismatch(key)
      reply.header('idempotent-replayed', 'true')
      return kept.body as object
    }
    const made = await act(tx, fields)
    await saveAnswer(tx, scoped, 200, made)
    return made
  })
}

const parameterMismatch = (key: string): WireError =>
  new WireError(
    400,
    `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
    { type: 'idempotency_error' },
  )

function requireFields<T>(schema: z.ZodType<T>, fields: unknown): T {
  const parsed = schema.safeParse(fields)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new WireError(400, issue?.message ?? 'Invalid request', { param: issue?.path.map(String).join('.') ?? '' })
}

async function requireKind(q: Queryable, kind: string, id: string): Promise<object> {
  const kept = await findObject(q, id)
  if (kept?.body.object !== kind) throw missing(kind, id)
  return kept.body
}

const withExpand = z.object({ expand: z.array(z.string()).max(10) })

/** Parses `expand[]=a.b` to [['a', 'b']]. */
function parseExpandPaths(fields: unknown): string[][] {
  const parsed = withExpand.safeParse(fields)
  return parsed.success ? parsed.data.expand.map((path) => path.split('.').slice(0, 4)) : []
}

/** Replaces ids by their objects, along each path. */
async function expand(q: Queryable, object: object, paths: readonly string[][]): Promise<object> {
  const result: Record<string, unknown> = { ...object }
  for (const field of new Set(paths.flatMap(([head]) => (head === undefined ? [] : [head])))) {
    const id = result[field]
    const kept = typeof id === 'string' ? await findObject(q, id) : undefined
    const deeper = paths.filter(([head, next]) => head === field && next !== undefined).map(([, ...rest]) => rest)
    if (kept) result[field] = await expand(q, kept.body, deeper)
  }
  return result
}
