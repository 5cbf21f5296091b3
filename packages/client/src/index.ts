export type * from './api.ts'
export { createPurser, type CallOptions, type Purser, type Settings } from './client.ts'
export { ConnectionError, PurserError } from './errors.ts'
export { isPaymentEvent, verifyWebhook, WebhookError, type VerifyOptions, type WebhookEvent } from './webhooks.ts'
