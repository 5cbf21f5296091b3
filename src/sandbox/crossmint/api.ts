import { z } from 'zod'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import type { SimulatorDeps } from '../simulator.ts'
import { NAME, type Orders } from './orders.ts'

export const CROSSMINT = {
  stagingKey: 'sk_staging_sandbox',
  productionKey: 'sk_production_sandbox',
  /** Crossmint's older pair of credentials. */
  clientSecret: 'sandbox-client-secret',
  projectId: 'sandbox-project',
  webhookSecret: `whsec_${Buffer.from('purser sandbox crossmint').toString('base64')}`,
} as const

const ROOT = '/sandbox/crossmint/api/2022-06-09/orders'
const dollars = z.string().regex(/^\d{1,7}(?:\.\d{1,2})?$/)
const locator = z.string().min(3).max(200)
const lineItem = z.union([
  z.strictObject({
    tokenLocator: locator,
    executionParameters: z.strictObject({ mode: z.literal('exact-in'), amount: dollars }),
  }),
  z.strictObject({
    collectionLocator: locator,
    callData: z.looseObject({ totalPrice: dollars }),
  }),
])
const newOrder = z.strictObject({
  payment: z.strictObject({
    method: z.string().min(1),
    currency: z.literal('usd', 'only usd is simulated'),
    receiptEmail: z.email().optional(),
  }),
  lineItems: z.array(lineItem).length(1),
  recipient: z.strictObject({ walletAddress: z.string().min(20) }),
  locale: z.string().optional(),
})
const params = z.object({ id: z.string().max(80) })
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(30),
  sort: z.literal('desc', 'only desc is simulated').default('desc'),
  cursor: z.string().max(80).optional(),
})

/** Serves the part of Crossmint's orders API that Purser uses. */
export function addOrderApi(app: HttpServer, { db }: Pick<SimulatorDeps, 'db'>, orders: Orders): void {
  app.post(ROOT, { config: { provider: NAME }, schema: { hide: true } }, async (request, reply) => {
    const key = keyOf(request)
    if (!key) return refuse(reply, 403, 'Malformed API key. / API key provided doesn’t have the required scopes')
    const parsed = newOrder.safeParse(request.body)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      return refuse(reply, 400, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`)
    }
    const { payment, lineItems } = parsed.data
    const [item] = lineItems
    if (!item) return refuse(reply, 400, 'lineItems: empty')
    const price = 'tokenLocator' in item ? item.executionParameters.amount : item.callData.totalPrice
    const { livemode } = key
    const input = { dollars: price, method: payment.method, lineItem: item, email: payment.receiptEmail, livemode }
    const { body, hidden } = await db.transaction((tx) => orders.create(tx, input))
    return reply.status(201).send({ clientSecret: hidden.clientSecret, order: body })
  })

  const listSchema = { hide: true, querystring: pageQuery }
  app.get(ROOT, { config: { provider: NAME }, schema: listSchema }, async (request, reply) => {
    const key = keyOf(request)
    if (!key) return refuse(reply, 403, 'API key not provided')
    const { limit, cursor } = request.query
    const found = await orders.list(db, { before: cursor, limit: limit + 1 })
    const page = found.slice(0, limit)
    const data = page.filter(({ hidden }) => hidden.livemode === key.livemode).map(({ body }) => body)
    return reply.send({ data, nextCursor: found.length > limit ? page.at(-1)?.id : null, previousCursor: null })
  })

  app.get(`${ROOT}/:id`, { config: { provider: NAME }, schema: { hide: true, params } }, async (request, reply) => {
    const order = await db.transaction((tx) => orders.find(tx, request.params.id))
    const key = keyOf(request)
    const isClient = order !== undefined && request.headers.authorization === order.hidden.clientSecret
    if (!key && !isClient) return refuse(reply, 403, 'API key not provided')
    if (!order || (key && key.livemode !== order.hidden.livemode)) return refuse(reply, 404, 'Order not found')
    return reply.send(order.body)
  })
}

function keyOf({ headers }: Request): { livemode: boolean } | undefined {
  if (headers['x-api-key'] === CROSSMINT.productionKey) return { livemode: true }
  const isOlder =
    headers['x-client-secret'] === CROSSMINT.clientSecret && headers['x-project-id'] === CROSSMINT.projectId
  return headers['x-api-key'] === CROSSMINT.stagingKey || isOlder ? { livemode: false } : undefined
}

const refuse = (reply: Reply, status: number, message: string): Reply =>
  reply.status(status).send({ error: true, message })
