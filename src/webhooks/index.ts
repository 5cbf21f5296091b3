export {
  DELIVERY_STATES,
  type Delivery,
  type DeliveryDetail,
  type DeliveryState,
  type Endpoint,
  type NewEvent,
  type Webhooks,
  type WebhooksDeps,
} from './types.ts'
export { webhooksSchema } from './schema.ts'
export { createWebhooks } from './webhooks.ts'
