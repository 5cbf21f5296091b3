import type { Payment } from './api.ts'

/** A webhook event. It can arrive twice (same `id`) and out of order. The copy of an object with the larger `version` is newer. */
export interface WebhookEvent<T = unknown> {
  readonly id: string
  readonly type: string
  readonly created_at: string
  readonly livemode: boolean
  readonly version: number
  readonly data: { readonly object: T }
}

/** Returns whether the event is about a payment. */
export const isPaymentEvent = (event: WebhookEvent): event is WebhookEvent<Payment> => event.type.startsWith('payment.')

/** The message is not from Purser, or it is too old. Respond with 400 and do nothing. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError'
}

type Headers = { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>

export interface VerifyOptions {
  /** Maximum age of a message, and maximum difference between the clocks. Default: 5 minutes. */
  readonly toleranceSeconds?: number
  /** Current time, for tests. */
  readonly now?: Date
}

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const TOLERANCE_SECONDS = 300
const PREFIX = 'whsec_'

/**
 * Verifies a message according to Standard Webhooks and returns its event. Throws WebhookError. `body` is the raw body, byte for byte; a
 * parsed and serialised body has another signature. `secret` is the secret of the endpoint; pass several during a rotation.
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: Headers,
  secret: string | readonly string[],
  { toleranceSeconds = TOLERANCE_SECONDS, now = new Date() }: VerifyOptions = {},
): Promise<WebhookEvent> {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    headerOf(headers, `webhook-${name}`),
  )
  if (!id || !timestamp || !signatures)
    throw new WebhookError('A header is missing: webhook-id, webhook-timestamp or webhook-signature.')
  if (!/^\d{1,12}$/.test(timestamp)) throw new WebhookError('webhook-timestamp is not a Unix timestamp.')
  const age = Math.abs(now.getTime() / 1000 - Number(timestamp))
  if (age > toleranceSeconds)
    throw new WebhookError('The message is too old, or a clock is wrong. Check the clock of this server.')
  const encoder = new TextEncoder()
  const bytes = typeof body === 'string' ? encoder.encode(body) : body
  const signed = concat(encoder.encode(`${id}.${timestamp}.`), bytes)
  const given = signatures.split(' ').flatMap((part) => (part.startsWith('v1,') ? [decode(part.slice(3))] : []))
  for (const each of [secret].flat()) {
    const key = await importKey(each)
    // `verify` compares in constant time.
    for (const signature of given)
      if (signature && (await crypto.subtle.verify('HMAC', key, signature, signed))) return parse(bytes)
  }
  throw new WebhookError('No signature matches. Check the secret, and pass the raw body.')
}

function headerOf(headers: Headers, name: string): string | undefined {
  if (typeof headers['get'] === 'function')
    return (headers as { get(name: string): string | null }).get(name) ?? undefined
  const value = (headers as Readonly<Record<string, string | readonly string[] | undefined>>)[name]
  return typeof value === 'string' ? value : value?.[0]
}

function importKey(secret: string): Promise<Key> {
  const raw = decode(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret)
  if (!raw || raw.length === 0) throw new TypeError('secret must be the secret of a webhook endpoint: whsec_…')
  return crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

/** Decodes base64; undefined if the text is not base64. */
function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))
  } catch {
    return undefined
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}

function parse(bytes: Uint8Array): WebhookEvent {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as WebhookEvent
  } catch (error) {
    throw new WebhookError('The message has a valid signature but is not JSON.', { cause: error })
  }
}
