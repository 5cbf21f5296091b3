import type { HttpServer } from '#platform/web/http'
import { hashRequest, idempotencyKeyOf } from '#platform/web/idempotency'
import { ALLOW_STORE_KEYS, merchantKeyRequired } from '../access/access.ts'
import { BODY_CODES, refusals } from '../problems/problems.ts'
import { checkoutUrl, renderAttempt, renderPayment } from '../../resources/render-payment.ts'
import type { Api } from '../access/api.ts'
import { requireVisiblePayment } from '../access/stores.ts'
import * as shapes from '../../resources/payment.ts'

const tags = ['Payments']
const security = [{ bearer: [] }]

export function attemptRoutes(app: HttpServer, api: Api): void {
  startRoute(app, api)
  cancelRoute(app, api)
}

function startRoute(app: HttpServer, api: Api): void {
  app.route({
    method: 'POST',
    url: '/api/v1/payments/:id/attempts',
    onRequest: api.access.require('payments:write', ALLOW_STORE_KEYS),
    config: {
      idempotent: true,
      exampleBody: { method: 'mpesa', phone: '254700000001' },
      refusals: refusals(
        'payments.not-found',
        'payments.already-paid',
        'payments.over',
        'payments.attempt-in-flight',
        'payments.page-open',
        'payments.too-many-attempts',
        'payments.method-not-allowed',
        'payments.amount-not-taken',
        'payments.payer-incomplete',
        'payments.no-customer',
        'payments.balance-too-low',
        'payments.method-unavailable',
        'rates.unavailable',
        'rates.unknown-pair',
        'idempotency-key-reused',
        'idempotency-in-progress',
        ...BODY_CODES,
      ),
    },
    schema: {
      operationId: 'startAttempt',
      tags,
      security,
      summary: 'Start an attempt to pay',
      description:
        'For merchants with their own checkout; the hosted page does this by itself. Depending on the method, it prompts the phone, returns the page for the payer, ' +
        'returns the address to pay to, or charges the customer’s prepaid balance. A payment keeps one address: ' +
        'a repeated request returns the same attempt with the amount still due, at a rate that is locked for 15 minutes. ' +
        'The attempt is `pending` while the payer decides: retrieve the payment to see the result. ' +
        '`unknown` means that the provider did not answer: Purser queries the provider again but never sends the request again.',
      params: shapes.paymentId,
      body: shapes.startAttempt,
      response: { 201: shapes.attempt },
    },
    handler: async (request, reply) => {
      const caller = api.access.callerOf(request)
      await requireVisiblePayment(api, caller, request.params.id)
      // Customers belong to the merchant, not to one store.
      if (request.body.method === 'balance' && caller.storeId !== undefined) throw merchantKeyRequired()
      const { merchantId } = caller
      const asked = { merchantId, id: request.params.id, body: request.body }
      const { attempt, replayed } = await start(api, asked, idempotencyKeyOf(request))
      if (replayed) reply.header('idempotent-replayed', 'true')
      return reply.code(201).send(attempt)
    },
  })
}

interface Asked {
  readonly merchantId: string
  readonly id: string
  readonly body: shapes.StartAttempt
}

interface Started {
  readonly attempt: shapes.AttemptObject
  readonly replayed: boolean
}

async function start(api: Api, asked: Asked, key: string | undefined): Promise<Started> {
  const { db, payments, idempotency, publicUrl } = api
  const { merchantId, id, body } = asked
  const { method, ...payer } = body
  const act = async (): Promise<{ status: number; body: shapes.AttemptObject }> => {
    const returnUrl = checkoutUrl(publicUrl(), id)
    const attempt = await payments.startAttempt({ intentId: id, merchantId, method, payer, returnUrl, requestKey: key })
    return { status: 201, body: renderAttempt(attempt) }
  }
  if (key === undefined) return { attempt: (await act()).body, replayed: false }
  const path = `/api/v1/payments/${id}/attempts`
  const answer = await idempotency.run(
    db,
    // No `rebuild`: the attempt stores the key, so a second call returns the attempt that the first one started.
    { scope: `${merchantId} POST ${path}`, key, hash: hashRequest('POST', path, body) },
    act,
  )
  return { attempt: answer.body, replayed: answer.replayed }
}

function cancelRoute(app: HttpServer, { access, db, payments, publicUrl }: Api): void {
  app.route({
    method: 'POST',
    url: '/api/v1/payments/:id/cancel',
    onRequest: access.require('payments:write', ALLOW_STORE_KEYS),
    config: {
      refusals: refusals('payments.not-found', 'payments.already-paid', 'payments.over', 'payments.attempt-in-flight'),
    },
    schema: {
      operationId: 'cancelPayment',
      tags,
      security,
      summary: 'Cancel a payment that is not paid',
      description:
        'Repeated calls change nothing. It is refused while a prompt is on the payer’s phone. Money that still arrives is credited, with `flags.late`.',
      params: shapes.paymentId,
      response: { 200: shapes.payment },
    },
    handler: async (request) => {
      const caller = access.callerOf(request)
      const { merchantId } = caller
      await requireVisiblePayment({ db, payments }, caller, request.params.id)
      return renderPayment(await payments.cancel({ id: request.params.id, merchantId }), publicUrl())
    },
  })
}
