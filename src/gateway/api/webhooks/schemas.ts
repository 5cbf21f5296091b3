import { z } from 'zod'
import { DELIVERY_STATES, type Delivery, type DeliveryDetail, type Endpoint } from '#webhooks'
import { isId } from '#platform/base/ids'
import { PAYMENT_EVENTS } from '../../events/payment-events.ts'
import { SETTLEMENT_EVENTS } from '../../events/settlement-events.ts'
import { REFUND_EVENTS } from '../../events/refund-events.ts'
import { instant, text } from '../../resources/text.ts'

/** Schemas of webhook endpoints and deliveries in the API. */

const timestamp = z.string().meta({ format: 'date-time', examples: ['2026-01-15T09:00:00.000Z'] })

/** All event types. An endpoint subscribes to all, to all of a kind, or to single types. */
const EVENTS: readonly string[] = [...PAYMENT_EVENTS, ...REFUND_EVENTS, ...SETTLEMENT_EVENTS]
/** `payout.*` is accepted before payouts exist, so that merchants need not change their endpoints later. */
const PATTERNS: ReadonlySet<string> = new Set(['*', 'payment.*', 'refund.*', 'settlement.*', 'payout.*', ...EVENTS])
const EVENTS_AT_MOST = 50
const events = z
  .array(z.string().refine((given) => PATTERNS.has(given), `must be one of ${[...PATTERNS].join(', ')}`))
  .min(1)
  .max(EVENTS_AT_MOST)
  .meta({
    description: `Events to send: \`*\` for all, \`payment.*\` for all events of payments (likewise \`refund.*\` and \`settlement.*\`; \`payout.*\` is reserved for future payouts), or single types: ${EVENTS.join(', ')}`,
    examples: [['*'], ['payment.paid', 'payment.expired']],
  })

const url = text(2000).meta({
  description: 'Target of the events: a public URL, https in live mode. Redirects are not followed.',
  examples: ['https://shop.example/hooks/purser'],
})
const description = text(200).meta({ description: 'Your own note' })

export const createEndpoint = z
  .strictObject({ url, events: events.default(['*']), description: description.optional() })
  .meta({ id: 'CreateWebhookEndpoint', examples: [{ url: 'https://shop.example/hooks/purser', events: ['*'] }] })

export const updateEndpoint = z
  .strictObject({
    url: url.optional(),
    events: events.optional(),
    description: description.optional(),
    enabled: z.boolean().optional().meta({ description: 'True also enables an endpoint that Purser disabled' }),
  })
  .meta({ id: 'UpdateWebhookEndpoint', examples: [{ enabled: true }] })

const DAY_HOURS = 24
export const rotateSecret = z
  .strictObject({
    overlap_hours: z
      .int()
      .min(0)
      .max(7 * DAY_HOURS)
      .default(DAY_HOURS)
      .meta({ description: 'Hours for which messages are also signed with the previous secrets' }),
  })
  .nullable()
  .meta({ id: 'RotateWebhookSecret', examples: [{ overlap_hours: DAY_HOURS }] })

export const endpoint = z
  .object({
    id: z.string().meta({ examples: ['we_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('webhook_endpoint'),
    livemode: z.boolean(),
    url: z.string(),
    events: z.array(z.string()),
    description: z.string().nullable(),
    enabled: z.boolean(),
    disabled_reason: z
      .enum(['requested', 'failing', 'gone'])
      .nullable()
      .meta({ description: '`failing`: every delivery failed for five days. `gone`: it answered 410.' }),
    failing_since: timestamp.nullable().meta({ description: 'Time since which every delivery has failed' }),
    created_at: timestamp,
  })
  .meta({ id: 'WebhookEndpoint', description: 'A URL that receives events' })
export type EndpointObject = z.output<typeof endpoint>

const SHOWN_ONCE =
  'Secret for verifying messages according to Standard Webhooks. Shown once: it is null when a request is repeated. Rotate the secret to get a new one.'
export const withSecret = endpoint
  .extend({
    secret: z
      .string()
      .nullable()
      .meta({ description: SHOWN_ONCE, examples: ['whsec_…'] }),
  })
  .meta({ id: 'NewWebhookEndpoint' })

export const endpointList = z
  .object({ object: z.literal('list'), data: z.array(endpoint), next_cursor: z.null() })
  .meta({ id: 'WebhookEndpointList' })

export const deleted = z
  .object({ id: z.string(), object: z.literal('webhook_endpoint'), deleted: z.literal(true) })
  .meta({ id: 'DeletedWebhookEndpoint' })

const deliveryFields = z.object({
  id: z.string().meta({ examples: ['del_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
  object: z.literal('delivery'),
  endpoint: z.string(),
  event: z
    .string()
    .meta({ description: 'Id of the event, sent as `webhook-id`', examples: ['evt_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
  type: z.string().meta({ examples: ['payment.paid'] }),
  object_id: z.string().meta({ description: 'Id of the object that the event is about' }),
  status: z.enum(DELIVERY_STATES),
  attempt_count: z.int(),
  last_status: z.int().nullable().meta({ description: 'HTTP status of the last response' }),
  next_attempt_at: timestamp.nullable().meta({ description: 'Null if it is finished or being sent now' }),
  created_at: timestamp,
  finished_at: timestamp.nullable(),
})
export const delivery = deliveryFields.meta({ id: 'Delivery', description: 'An event on its way to an endpoint' })
export type DeliveryObject = z.output<typeof delivery>

export const deliveryDetail = deliveryFields
  .extend({
    body: z.string().meta({ description: 'Exact body of the request' }),
    attempts: z
      .array(
        z.object({
          at: timestamp,
          ms: z.int(),
          status: z.int().nullable().meta({ description: 'HTTP status; null without a response' }),
          answer: z.string().nullable().meta({ description: 'First 4 kB of the response' }),
          error: z.string().nullable(),
        }),
      )
      .meta({ description: 'Newest first, at most 100' }),
  })
  .meta({ id: 'DeliveryDetail', description: 'A delivery with its requests and responses' })

export const listDeliveries = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .refine((given) => isId('del', given), 'is not valid: send next_cursor of the previous page')
    .optional(),
  status: z.enum(DELIVERY_STATES).optional(),
})
export const deliveryPage = z
  .object({ object: z.literal('list'), data: z.array(delivery), next_cursor: z.string().nullable() })
  .meta({ id: 'DeliveryList' })

export const redeliverRange = z
  .strictObject({
    from: instant.meta({ description: 'Events at this time or later' }),
    to: instant.meta({ description: 'Events before this time' }),
    status: z.enum(DELIVERY_STATES).default('failed').meta({ description: '`pending`: sends waiting deliveries now' }),
  })
  .meta({ id: 'RedeliverRange', examples: [{ from: '2026-01-15T00:00:00Z', to: '2026-01-16T00:00:00Z' }] })

export const redelivery = z
  .object({
    object: z.literal('redelivery'),
    count: z.int().meta({ description: 'Number of deliveries that are sent again, at most 1000 per request' }),
    next_from: timestamp
      .nullable()
      .meta({ description: 'Set if there may be more: repeat the request with this as `from`' }),
  })
  .meta({ id: 'Redelivery', description: 'Result of a request to send deliveries again' })

export const endpointId = z.object({ id: text(40) })

export const renderEndpoint = (one: Endpoint): EndpointObject => ({
  id: one.id,
  object: 'webhook_endpoint',
  livemode: one.livemode,
  url: one.url,
  events: [...one.events],
  description: one.description || null,
  enabled: one.disabledAt === undefined,
  disabled_reason: one.disabledWhy ?? null,
  failing_since: one.failingSince?.toISOString() ?? null,
  created_at: one.createdAt.toISOString(),
})

export const renderDelivery = (one: Delivery): DeliveryObject => ({
  id: one.id,
  object: 'delivery',
  endpoint: one.endpointId,
  event: one.eventId,
  type: one.type,
  object_id: one.objectId,
  status: one.state,
  attempt_count: one.tries,
  last_status: one.lastStatus ?? null,
  next_attempt_at: one.nextTryAt?.toISOString() ?? null,
  created_at: one.createdAt.toISOString(),
  finished_at: one.finishedAt?.toISOString() ?? null,
})

export const renderDetail = (one: DeliveryDetail): z.output<typeof deliveryDetail> => ({
  ...renderDelivery(one),
  body: one.body,
  attempts: one.attempts.map(({ at, ms, status, answer, error }) => ({
    at: at.toISOString(),
    ms,
    status: status ?? null,
    answer: answer ?? null,
    error: error ?? null,
  })),
})
