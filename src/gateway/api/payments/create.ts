import type { Caller } from '#identity'
import { assetOf, isCurrency } from '#money'
import type { Intent, NewIntent } from '#payments'
import type { HttpServer } from '#platform/web/http'
import { hashRequest } from '#platform/web/idempotency'
import { ALLOW_STORE_KEYS, merchantKeyRequired } from '../access/access.ts'
import { parseNewIntent } from '../../intents/new-intent.ts'
import { scopedKeyOf } from '../access/idempotency.ts'
import { BODY_CODES, refusals } from '../problems/problems.ts'
import { renderPayment } from '../../resources/render-payment.ts'
import type { Api } from '../access/api.ts'
import { shopOf } from '../access/stores.ts'
import * as shapes from '../../resources/payment.ts'

const PATH = '/api/v1/payments'

export function createPaymentRoute(app: HttpServer, api: Api): void {
  app.route({
    method: 'POST',
    url: PATH,
    onRequest: api.access.require('payments:write', ALLOW_STORE_KEYS),
    config: {
      idempotent: true,
      refusals: refusals(
        'identity.unknown-store',
        'identity.store-archived',
        'idempotency-key-reused',
        'payments.method-unavailable',
        ...BODY_CODES,
      ),
      exampleBody: { amount: '1500.00', currency: 'KES', description: 'Two mugs', reference: 'order-1042' },
    },
    schema: {
      operationId: 'createPayment',
      tags: ['Payments'],
      security: [{ bearer: [] }],
      summary: 'Create a payment',
      description:
        'Returns the payment and its `checkout_url`, the page to which you send the payer. Send an `Idempotency-Key`: the same key and body ' +
        'always return the first payment, even after a lost response.',
      body: shapes.createPayment,
      response: { 201: shapes.payment },
    },
    handler: async (request, reply) => {
      const caller = api.access.callerOf(request)
      // Customers are the merchant's, not a store's.
      const { top_up: isTopUp, methods } = request.body
      if (caller.storeId !== undefined && (isTopUp || methods?.includes('balance'))) throw merchantKeyRequired()
      const { intent, replayed } = await create(api, caller, request.body, scopedKeyOf(caller, request))
      if (replayed) reply.header('idempotent-replayed', 'true')
      reply.header('location', `${PATH}/${intent.id}`)
      return reply.code(201).send(renderPayment(intent, api.publicUrl()))
    },
  })
}

interface Created {
  readonly intent: Intent
  readonly replayed: boolean
}

async function create(api: Api, caller: Caller, body: shapes.CreatePayment, key?: string): Promise<Created> {
  const { db, payments } = api
  const { merchantId } = caller
  if (key === undefined) return payments.create(db, await inputOf(api, caller, body))
  const idempotency = { key, hash: hashRequest('POST', PATH, body) }
  const input = await inputOf(api, caller, body).catch(async (error: unknown) => {
    // A retry must not fail because a method or an origin was removed after the first request.
    const before = await payments.findCreated(db, { merchantId, ...idempotency })
    if (!before) throw error
    return { before }
  })
  if ('before' in input) return { intent: input.before, replayed: true }
  return payments.create(db, { ...input, idempotency })
}

async function inputOf(api: Api, caller: Caller, body: shapes.CreatePayment): Promise<NewIntent> {
  if (isCurrency(body.currency)) await api.payments.loadPrices(assetOf(body.currency))
  const input = parseNewIntent(body, await shopOf(api, caller, body.store), api)
  // Skip the cost of the event if no endpoint subscribes to it.
  return { ...input, announce: await api.webhooks.hasSubscriber(caller.merchantId, 'payment.created') }
}
