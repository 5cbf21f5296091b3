import { assetOf, isCurrency, isZero, parseAmount, type Asset, type Money } from '#money'
import type { Refund } from '#payments'
import { AppError } from '#platform/base/errors'
import type { HttpServer, Request } from '#platform/web/http'
import { hashRequest, idempotencyKeyOf } from '#platform/web/idempotency'
import { BODY_CODES, refusals } from '../problems/problems.ts'
import * as shapes from '../../resources/refund.ts'
import type { Api } from '../access/api.ts'
import { paymentId } from '../../resources/payment.ts'

const OF_PAYMENT = '/api/v1/payments/:id/refunds'
const PATH = '/api/v1/refunds'
const tags = ['Refunds']
const security = [{ bearer: [] }]

export function refundRoutes(app: HttpServer, api: Api): void {
  createRefundRoute(app, api)
  listRoutes(app, api)
  findRoute(app, api)
  cancelRoute(app, api)
}

/** Renders a refund. Only keys that may move money see its refund link, because the link moves money. */
const render = ({ access, publicUrl }: Api, request: Request, refund: Refund): shapes.RefundObject => {
  const { livemode, scopes } = access.callerOf(request)
  return shapes.renderRefund(refund, { publicUrl: publicUrl(), livemode, claim: scopes.has('payments:write') })
}

function createRefundRoute(app: HttpServer, api: Api): void {
  const { access, payments } = api
  app.route({
    method: 'POST',
    url: OF_PAYMENT,
    onRequest: access.require('payments:write'),
    config: {
      idempotent: true,
      refusals: refusals(
        'payments.not-found',
        'payments.nothing-to-refund',
        'payments.refund-too-large',
        'payments.refund-in-parts',
        'payments.refund-to-balance',
        'payments.refund-rate',
        'payments.insufficient-balance',
        'idempotency-key-reused',
        ...BODY_CODES,
      ),
    },
    schema: {
      operationId: 'createRefund',
      tags,
      security,
      summary: 'Refund a payment, in full or in part',
      description:
        'Debits the amount from your balance immediately and sends it back to the original payment method. While the refund is `pending`, Purser queries the provider for the result; ' +
        '`failed` credits the amount to your balance again. If the original payment method cannot refund, the refund is `claimable`: send its `claim_url` to the payer, who enters the destination there. ' +
        'Send an `Idempotency-Key`: the same key and body always return the same refund.',
      params: paymentId,
      body: shapes.createRefund,
      response: { 201: shapes.refund },
    },
    handler: async (request, reply) => {
      const { merchantId } = access.callerOf(request)
      const { id: intentId } = request.params
      const body = request.body ?? shapes.createRefund.unwrap().parse({})
      const key = idempotencyKeyOf(request)
      const hash = hashRequest('POST', `/api/v1/payments/${intentId}/refunds`, request.body)
      const { amount, currency } = body
      const own = amount !== undefined && (await assetOfPayment(api, request, intentId))
      const asset = currency === undefined ? own || undefined : requireAsset(currency)
      const { refund, replayed } = await payments.refunds.create({
        intentId,
        merchantId,
        asset,
        amount: amount !== undefined && asset ? requireAmount(amount, asset) : undefined,
        note: body.reason,
        way: body.method,
        amountBasis: body.amount_basis,
        idempotency: key === undefined ? undefined : { key, hash },
      })
      if (replayed) reply.header('idempotent-replayed', 'true')
      reply.header('location', `${PATH}/${refund.id}`)
      return reply.code(201).send(render(api, request, refund))
    },
  })
}

async function assetOfPayment({ access, db, payments }: Api, request: Request, id: string): Promise<Asset> {
  const intent = await payments.find(db, { id, merchantId: access.callerOf(request).merchantId })
  if (!intent) throw new AppError('payments.not-found', 404, `There is no payment ${id}.`, { param: 'id' })
  return intent.amount.asset
}

function requireAsset(code: string): Asset {
  if (isCurrency(code)) return assetOf(code)
  throw new AppError('validation-failed', 422, `currency "${code}" is not known; use a code such as "KES"`, {
    param: 'currency',
  })
}

function requireAmount(text: string, asset: Asset): Money {
  const invalid = (why: string): AppError =>
    new AppError('validation-failed', 422, `amount ${why}`, { param: 'amount' })
  const amount = parseAmount(text, asset)
  if ('problem' in amount) throw invalid(amount.problem)
  if (isZero(amount)) throw invalid('must be more than zero')
  return amount
}

function listRoutes(app: HttpServer, api: Api): void {
  const { access, db, payments, publicUrl } = api
  const page = async (
    request: Request,
    query: { limit: number; cursor?: string; status?: Refund['status'] },
    intentId?: string,
  ) => {
    const { merchantId, livemode } = access.callerOf(request)
    const { items, nextCursor } = await payments.refunds.list(db, { merchantId, intentId, ...query })
    const data = items.map((one) => shapes.renderRefund(one, { publicUrl: publicUrl(), livemode, claim: false }))
    return { object: 'list' as const, data, next_cursor: nextCursor ?? null }
  }
  app.route({
    method: 'GET',
    url: OF_PAYMENT,
    onRequest: access.require('payments:read'),
    config: { refusals: refusals('payments.not-found', 'payments.bad-cursor') },
    schema: {
      operationId: 'listRefundsOfPayment',
      tags,
      security,
      summary: 'List the refunds of a payment, newest first',
      description: 'Includes refunds that were created at the provider (`origin`).',
      params: paymentId,
      querystring: shapes.listRefunds,
      response: { 200: shapes.refundPage },
    },
    handler: async (request) => {
      await assetOfPayment(api, request, request.params.id)
      return page(request, given(request.query), request.params.id)
    },
  })
  app.route({
    method: 'GET',
    url: PATH,
    onRequest: access.require('payments:read'),
    config: { refusals: refusals('payments.bad-cursor') },
    schema: {
      operationId: 'listRefunds',
      tags,
      security,
      summary: 'List refunds, newest first',
      querystring: shapes.listRefunds,
      response: { 200: shapes.refundPage },
    },
    handler: (request) => page(request, given(request.query)),
  })
}

const given = ({
  limit,
  cursor,
  status,
}: {
  limit: number
  cursor?: string | undefined
  status?: Refund['status'] | undefined
}) => ({
  limit,
  ...(cursor !== undefined && { cursor }),
  ...(status !== undefined && { status }),
})

function findRoute(app: HttpServer, api: Api): void {
  const { access, db, payments } = api
  app.route({
    method: 'GET',
    url: `${PATH}/:id`,
    onRequest: access.require('payments:read'),
    config: { refusals: refusals('payments.no-such-refund') },
    schema: {
      operationId: 'getRefund',
      tags,
      security,
      summary: 'Retrieve a refund',
      params: shapes.refundId,
      response: { 200: shapes.refund },
    },
    handler: async (request) => {
      const { id } = request.params
      const refund = await payments.refunds.find(db, { id, merchantId: access.callerOf(request).merchantId })
      if (!refund) throw new AppError('payments.no-such-refund', 404, `There is no refund ${id}.`, { param: 'id' })
      return render(api, request, refund)
    },
  })
}

function cancelRoute(app: HttpServer, api: Api): void {
  const { access, payments } = api
  app.route({
    method: 'POST',
    url: `${PATH}/:id/cancel`,
    onRequest: access.require('payments:write'),
    config: { refusals: refusals('payments.no-such-refund', 'payments.refund-over') },
    schema: {
      operationId: 'cancelRefund',
      tags,
      security,
      summary: 'Cancel a refund whose link is unused',
      description: 'Credits the amount to your balance again. Repeated calls change nothing.',
      params: shapes.refundId,
      response: { 200: shapes.refund },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      return render(api, request, await payments.refunds.cancel({ id: request.params.id, merchantId }))
    },
  })
}
