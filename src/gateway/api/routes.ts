import { currencyOf, formatAmount } from '#money'
import type { Caller, Identity, Scope } from '#identity'
import type { Payments } from '#payments'
import type { Db } from '#platform/db'
import { AppError } from '#platform/errors'
import type { HttpServer, Request } from '#platform/http'
import { hashRequest, idempotencyKeyOf, type Idempotency } from '#platform/idempotency'
import type { Clock } from '#platform/clock'
import { newIntentOf } from '../payments.ts'
import { checkoutUrl, renderAttempt, renderPayment } from './render.ts'
import * as shapes from './schemas.ts'

export interface ApiDeps {
  readonly db: Db
  readonly identity: Identity
  readonly payments: Payments
  readonly idempotency: Idempotency
  readonly clock: Clock
  readonly publicUrl: () => string
}

const security = [{ bearer: [] }]
const tags = ['Payments']

export function apiRoutes(app: HttpServer, deps: ApiDeps): void {
  const allow = async (request: Request, scope: Scope): Promise<Caller> => {
    const caller = await deps.identity.authenticate(request.headers.authorization)
    deps.identity.requireScope(caller, scope)
    return caller
  }
  createRoute(app, deps, allow)
  readRoutes(app, deps, allow)
  attemptRoutes(app, deps, allow)
}

type Allow = (request: Request, scope: Scope) => Promise<Caller>

function createRoute(app: HttpServer, deps: ApiDeps, allow: Allow): void {
  const { db, identity, payments, publicUrl } = deps
  app.route({
    method: 'POST',
    url: '/api/v1/payments',
    schema: {
      tags,
      security,
      summary: 'Create a payment',
      description:
        'Send an `Idempotency-Key`: the same key and body give the first answer again, whatever happened on the way.',
      body: shapes.createPayment,
      response: { 201: shapes.payment },
    },
    handler: async (request, reply) => {
      const caller = await allow(request, 'payments:write')
      const key = idempotencyKeyOf(request)
      const merchant = await identity.requireMerchant(db, caller.merchantId)
      const input = newIntentOf(request.body, merchant, deps)
      const idempotency =
        key === undefined ? {} : { idempotency: { key, hash: hashRequest('POST', '/api/v1/payments', request.body) } }
      const { intent, replayed } = await payments.create(db, { ...input, ...idempotency })
      if (replayed) reply.header('idempotent-replayed', 'true')
      reply.header('location', `/api/v1/payments/${intent.id}`)
      return reply.code(201).send(renderPayment(intent, publicUrl()))
    },
  })
}

function readRoutes(app: HttpServer, deps: ApiDeps, allow: Allow): void {
  const { db, payments, publicUrl } = deps
  app.route({
    method: 'GET',
    url: '/api/v1/payments/:id',
    schema: {
      tags,
      security,
      summary: 'Look a payment up',
      params: shapes.paymentId,
      response: { 200: shapes.payment },
    },
    handler: async (request) => {
      const { merchantId } = await allow(request, 'payments:read')
      const intent = await payments.find(db, { id: request.params.id, merchantId })
      if (!intent) throw noSuchPayment(request.params.id)
      return renderPayment(intent, publicUrl())
    },
  })
  app.route({
    method: 'GET',
    url: '/api/v1/payments',
    schema: {
      tags,
      security,
      summary: 'List payments, newest first',
      querystring: shapes.listPayments,
      response: { 200: shapes.paymentPage },
    },
    handler: async (request) => {
      const { merchantId } = await allow(request, 'payments:read')
      const { limit, cursor, status, reference, created_from: from, created_to: to } = request.query
      const { items, nextCursor } = await payments.list(db, {
        merchantId,
        limit,
        ...(cursor !== undefined && { cursor }),
        ...(status !== undefined && { status }),
        ...(reference !== undefined && { reference }),
        ...(from !== undefined && { createdFrom: new Date(from) }),
        ...(to !== undefined && { createdTo: new Date(to) }),
      })
      const data = items.map((intent) => renderPayment(intent, publicUrl()))
      return { object: 'list' as const, data, next_cursor: nextCursor ?? null }
    },
  })
  app.route({
    method: 'GET',
    url: '/api/v1/balance',
    schema: {
      tags: ['Balance'],
      security,
      summary: 'What the merchant owns, per currency',
      response: { 200: shapes.balance },
    },
    handler: async (request) => {
      const { merchantId, livemode } = await allow(request, 'balance:read')
      const balances = await payments.balance(db, merchantId)
      return {
        object: 'balance' as const,
        livemode,
        balances: balances.map(({ available, pending }) => ({
          currency: currencyOf(available.asset),
          available: formatAmount(available),
          pending: formatAmount(pending),
        })),
      }
    },
  })
}

function attemptRoutes(app: HttpServer, deps: ApiDeps, allow: Allow): void {
  const { db, payments, idempotency, publicUrl } = deps
  app.route({
    method: 'POST',
    url: '/api/v1/payments/:id/attempts',
    schema: {
      tags,
      security,
      summary: 'Start an attempt: prompt the phone, or get the page to send the payer to',
      params: shapes.paymentId,
      body: shapes.startAttempt,
      response: { 201: shapes.attempt },
    },
    handler: async (request, reply) => {
      const { merchantId } = await allow(request, 'payments:write')
      const { id } = request.params
      const start = async (): Promise<{ status: number; body: shapes.AttemptObject }> => {
        const { method, ...payer } = request.body
        const attempt = await payments.startAttempt({
          intentId: id,
          merchantId,
          method,
          payer,
          returnUrl: checkoutUrl(publicUrl(), id),
        })
        return { status: 201, body: renderAttempt(attempt) }
      }
      const key = idempotencyKeyOf(request)
      if (key === undefined) return reply.code(201).send((await start()).body)
      const path = `/api/v1/payments/${id}/attempts`
      const scope = `${merchantId} POST ${path}`
      const answer = await idempotency.run(db, { scope, key, hash: hashRequest('POST', path, request.body) }, start)
      if (answer.replayed) reply.header('idempotent-replayed', 'true')
      return reply.code(201).send(answer.body)
    },
  })
  app.route({
    method: 'POST',
    url: '/api/v1/payments/:id/cancel',
    schema: {
      tags,
      security,
      summary: 'Cancel a payment that is not paid',
      params: shapes.paymentId,
      response: { 200: shapes.payment },
    },
    handler: async (request) => {
      const { merchantId } = await allow(request, 'payments:write')
      return renderPayment(await payments.cancel({ id: request.params.id, merchantId }), publicUrl())
    },
  })
}

const noSuchPayment = (id: string): AppError =>
  new AppError('payments.not-found', 404, `There is no payment ${id.slice(0, 40)}.`, { param: 'id' })
