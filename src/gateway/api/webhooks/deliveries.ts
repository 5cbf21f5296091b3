import type { HttpServer } from '#platform/web/http'
import * as hooks from './schemas.ts'
import { runIdempotent } from '../access/idempotency.ts'
import { BODY_CODES, IDEMPOTENCY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'

const tags = ['Webhooks']
const security = [{ bearer: [] }]

export function deliveryRoutes(app: HttpServer, api: Api): void {
  testRoute(app, api)
  listRoute(app, api)
  findRoute(app, api)
  redeliverRoute(app, api)
  rangeRoute(app, api)
}

function testRoute(app: HttpServer, api: Api): void {
  const { access, db, webhooks } = api
  app.route({
    method: 'POST',
    url: '/api/v1/webhook-endpoints/:id/test',
    onRequest: access.require('webhooks:write'),
    config: {
      idempotent: true,
      refusals: refusals('webhooks.no-such-endpoint', 'webhooks.endpoint-disabled', ...IDEMPOTENCY_CODES),
    },
    schema: {
      operationId: 'testWebhookEndpoint',
      tags,
      security,
      summary: 'Send a test event to a webhook endpoint',
      description:
        'Sends an event `webhook.test`, whatever the endpoint subscribes to. Retrieve the delivery to see the result.',
      params: hooks.endpointId,
      response: { 202: hooks.delivery },
    },
    handler: async (request, reply) => {
      const key = { id: request.params.id, merchantId: access.callerOf(request).merchantId }
      const { body } = await runIdempotent(api, request, reply, async () => ({
        status: 202,
        body: hooks.renderDelivery(await db.transaction((tx) => webhooks.sendTest(tx, key))),
      }))
      return reply.code(202).send(body)
    },
  })
}

function listRoute(app: HttpServer, { access, db, webhooks }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/webhook-endpoints/:id/deliveries',
    onRequest: access.require('webhooks:read'),
    config: { refusals: refusals('webhooks.no-such-endpoint') },
    schema: {
      operationId: 'listDeliveries',
      tags,
      security,
      summary: 'List the deliveries to a webhook endpoint, newest first',
      description: 'Deliveries are kept for 30 days.',
      params: hooks.endpointId,
      querystring: hooks.listDeliveries,
      response: { 200: hooks.deliveryPage },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      const { status: state, ...page } = request.query
      const { items, nextCursor } = await webhooks.listDeliveries(db, {
        endpointId: request.params.id,
        merchantId,
        state,
        ...page,
      })
      return { object: 'list' as const, data: items.map(hooks.renderDelivery), next_cursor: nextCursor ?? null }
    },
  })
}

function findRoute(app: HttpServer, { access, db, webhooks }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/deliveries/:id',
    onRequest: access.require('webhooks:read'),
    config: { refusals: refusals('webhooks.no-such-delivery') },
    schema: {
      operationId: 'getDelivery',
      tags,
      security,
      summary: 'Retrieve a delivery, with its requests and responses',
      params: hooks.endpointId,
      response: { 200: hooks.deliveryDetail },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      return hooks.renderDetail(await webhooks.findDelivery(db, { id: request.params.id, merchantId }))
    },
  })
}

function redeliverRoute(app: HttpServer, api: Api): void {
  const { access, db, webhooks } = api
  app.route({
    method: 'POST',
    url: '/api/v1/deliveries/:id/redeliver',
    onRequest: access.require('webhooks:write'),
    config: {
      idempotent: true,
      refusals: refusals('webhooks.no-such-delivery', 'webhooks.endpoint-disabled', ...IDEMPOTENCY_CODES),
    },
    schema: {
      operationId: 'redeliver',
      tags,
      security,
      summary: 'Send a delivery again, or immediately',
      description: 'Sends the same event with the same `webhook-id` and body, and a new signature.',
      params: hooks.endpointId,
      response: { 202: hooks.delivery },
    },
    handler: async (request, reply) => {
      const key = { id: request.params.id, merchantId: access.callerOf(request).merchantId }
      const { body } = await runIdempotent(api, request, reply, async () => ({
        status: 202,
        body: hooks.renderDelivery(await db.transaction((tx) => webhooks.redeliver(tx, key))),
      }))
      return reply.code(202).send(body)
    },
  })
}

function rangeRoute(app: HttpServer, api: Api): void {
  const { access, db, webhooks } = api
  app.route({
    method: 'POST',
    url: '/api/v1/webhook-endpoints/:id/redeliver',
    onRequest: access.require('webhooks:write'),
    config: {
      idempotent: true,
      refusals: refusals(
        'webhooks.no-such-endpoint',
        'webhooks.endpoint-disabled',
        ...IDEMPOTENCY_CODES,
        ...BODY_CODES,
      ),
    },
    schema: {
      operationId: 'redeliverRange',
      tags,
      security,
      summary: 'Send the deliveries of a period again',
      description: 'By default sends failed deliveries, oldest first. Deliveries about one object keep their order.',
      params: hooks.endpointId,
      body: hooks.redeliverRange,
      response: { 202: hooks.redelivery },
    },
    handler: async (request, reply) => {
      const key = { id: request.params.id, merchantId: access.callerOf(request).merchantId }
      const { from, to, status: state } = request.body
      const range = { from: new Date(from), to: new Date(to), state }
      const { body } = await runIdempotent(api, request, reply, async () => {
        const { count, nextFrom } = await db.transaction((tx) => webhooks.redeliverRange(tx, key, range))
        const next = nextFrom?.toISOString() ?? null
        return { status: 202, body: { object: 'redelivery' as const, count, next_from: next } }
      })
      return reply.code(202).send(body)
    },
  })
}
