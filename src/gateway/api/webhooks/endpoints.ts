import type { Secret } from '#platform/base/secrets'
import type { HttpServer } from '#platform/web/http'
import * as hooks from './schemas.ts'
import { actorOf } from '../access/access.ts'
import { runIdempotent } from '../access/idempotency.ts'
import { BODY_CODES, IDEMPOTENCY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'

const PATH = '/api/v1/webhook-endpoints'
const tags = ['Webhooks']
const security = [{ bearer: [] }]
const HOUR_MS = 60 * 60_000

export function endpointRoutes(app: HttpServer, api: Api): void {
  createEndpointRoute(app, api)
  listRoute(app, api)
  findRoute(app, api)
  updateRoute(app, api)
  deleteRoute(app, api)
  rotateRoute(app, api)
}

function createEndpointRoute(app: HttpServer, api: Api): void {
  const { access, db, webhooks } = api
  app.route({
    method: 'POST',
    url: PATH,
    onRequest: access.require('webhooks:write'),
    config: {
      idempotent: true,
      refusals: refusals('webhooks.bad-url', 'webhooks.too-many-endpoints', ...IDEMPOTENCY_CODES, ...BODY_CODES),
    },
    schema: {
      operationId: 'createWebhookEndpoint',
      tags,
      security,
      summary: 'Create a webhook endpoint',
      description:
        'Each event is sent as POST `{"id":"evt_…","type","created_at","livemode","version","data":{"object"}}`, signed according to Standard Webhooks: ' +
        'verify it with one of its libraries and this `secret`. Respond with 2xx within 10 seconds; any other response is retried for three ' +
        'days. An event can arrive twice (same `webhook-id`). The copy of an object with the larger `data.object.version` is newer.',
      body: hooks.createEndpoint,
      response: { 201: hooks.withSecret },
    },
    handler: async (request, reply) => {
      const { merchantId, livemode } = access.callerOf(request)
      const { url } = request.body
      let secret: Secret | undefined
      const act = async () => {
        const input = { merchantId, livemode, ...request.body }
        const made = await db.transaction((tx) => webhooks.createEndpoint(tx, input, actorOf(api, request)))
        secret = made.secret
        return { status: 201, body: hooks.renderEndpoint(made.endpoint) }
      }
      const rebuild = async (since: Date) => {
        const all = await webhooks.listEndpoints(db, merchantId)
        const found = all.find((each) => each.url === url && each.createdAt >= since)
        return found && { status: 201, body: hooks.renderEndpoint(found) }
      }
      const { body } = await runIdempotent(api, request, reply, act, rebuild)
      reply.header('location', `${PATH}/${body.id}`).code(201)
      return { ...body, secret: secret?.reveal() ?? null }
    },
  })
}

function listRoute(app: HttpServer, { access, db, webhooks }: Api): void {
  app.route({
    method: 'GET',
    url: PATH,
    onRequest: access.require('webhooks:read'),
    config: { refusals: refusals() },
    schema: {
      operationId: 'listWebhookEndpoints',
      tags,
      security,
      summary: 'List webhook endpoints, oldest first',
      response: { 200: hooks.endpointList },
    },
    handler: async (request) => {
      const all = await webhooks.listEndpoints(db, access.callerOf(request).merchantId)
      return { object: 'list' as const, data: all.map(hooks.renderEndpoint), next_cursor: null }
    },
  })
}

function findRoute(app: HttpServer, { access, db, webhooks }: Api): void {
  app.route({
    method: 'GET',
    url: `${PATH}/:id`,
    onRequest: access.require('webhooks:read'),
    config: { refusals: refusals('webhooks.no-such-endpoint') },
    schema: {
      operationId: 'getWebhookEndpoint',
      tags,
      security,
      summary: 'Retrieve a webhook endpoint',
      params: hooks.endpointId,
      response: { 200: hooks.endpoint },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      return hooks.renderEndpoint(await webhooks.findEndpoint(db, { id: request.params.id, merchantId }))
    },
  })
}

function updateRoute(app: HttpServer, api: Api): void {
  const { access, db, webhooks } = api
  app.route({
    method: 'PATCH',
    url: `${PATH}/:id`,
    onRequest: access.require('webhooks:write'),
    config: { refusals: refusals('webhooks.no-such-endpoint', 'webhooks.bad-url', ...BODY_CODES) },
    schema: {
      operationId: 'updateWebhookEndpoint',
      tags,
      security,
      summary: 'Change, disable or enable a webhook endpoint',
      description:
        'Disabling an endpoint cancels its pending deliveries, and events of that time are not stored for it. Once it is enabled again, ' +
        'you can send failed deliveries of a period again.',
      params: hooks.endpointId,
      body: hooks.updateEndpoint,
      response: { 200: hooks.endpoint },
    },
    handler: async (request) => {
      const key = { id: request.params.id, merchantId: access.callerOf(request).merchantId }
      const change = request.body
      const actor = actorOf(api, request)
      return hooks.renderEndpoint(await db.transaction((tx) => webhooks.updateEndpoint(tx, key, change, actor)))
    },
  })
}

function deleteRoute(app: HttpServer, api: Api): void {
  const { access, db, webhooks } = api
  app.route({
    method: 'DELETE',
    url: `${PATH}/:id`,
    onRequest: access.require('webhooks:write'),
    config: { refusals: refusals('webhooks.no-such-endpoint') },
    schema: {
      operationId: 'deleteWebhookEndpoint',
      tags,
      security,
      summary: 'Delete a webhook endpoint',
      description: 'Cancels its pending deliveries.',
      params: hooks.endpointId,
      response: { 200: hooks.deleted },
    },
    handler: async (request) => {
      const { id } = request.params
      const { merchantId } = access.callerOf(request)
      await db.transaction((tx) => webhooks.deleteEndpoint(tx, { id, merchantId }, actorOf(api, request)))
      return { id, object: 'webhook_endpoint' as const, deleted: true as const }
    },
  })
}

function rotateRoute(app: HttpServer, api: Api): void {
  const { access, db, webhooks } = api
  app.route({
    method: 'POST',
    url: `${PATH}/:id/rotate-secret`,
    onRequest: access.require('webhooks:write'),
    config: {
      idempotent: true,
      refusals: refusals('webhooks.no-such-endpoint', 'webhooks.too-many-secrets', ...IDEMPOTENCY_CODES, ...BODY_CODES),
    },
    schema: {
      operationId: 'rotateWebhookSecret',
      tags,
      security,
      summary: 'Rotate the secret of a webhook endpoint',
      description:
        'During the overlap, each message is signed with the new and the previous secrets, so that you can switch in ' +
        'between. The Standard Webhooks libraries accept any matching signature.',
      params: hooks.endpointId,
      body: hooks.rotateSecret,
      response: { 200: hooks.withSecret },
    },
    handler: async (request, reply) => {
      const key = { id: request.params.id, merchantId: access.callerOf(request).merchantId }
      const { overlap_hours: hours } = request.body ?? hooks.rotateSecret.unwrap().parse({})
      let secret: Secret | undefined
      const { body } = await runIdempotent(api, request, reply, async () => {
        const overlap = { overlapMs: hours * HOUR_MS }
        const made = await db.transaction((tx) => webhooks.rotateSecret(tx, key, overlap, actorOf(api, request)))
        secret = made.secret
        return { status: 200, body: hooks.renderEndpoint(made.endpoint) }
      })
      return { ...body, secret: secret?.reveal() ?? null }
    },
  })
}
