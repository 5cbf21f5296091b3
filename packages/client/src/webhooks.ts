import type { Payment } from './api.ts'

/** An event as it is sent. It can come twice (same `id`), and out of order: of two copies of an object the larger `version` is newer. */
export interface WebhookEvent<T = unknown> {
  readonly id: string
  readonly type: string
  readonly created_at: string
  readonly livemode: boolean
  readonly version: number
  readonly data: { readonly object: T }
}

/** Whether it tells of a payment. */
export const isPaymentEvent = (event: WebhookEvent): event is WebhookEvent<Payment> => event.type.startsWith('payment.')

/** The message is not one of Purser's, or was not sent now: answer 400 and do nothing. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError'
}

type Headers = { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>

export interface VerifyOptions {
  /** How far the sender's clock may be from ours, and how old a message; 5 minutes by default. */
  readonly toleranceSeconds?: number
  /** The time, for tests. */
  readonly now?: Date
}

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const TOLERANCE_SECONDS = 300
const PREFIX = 'whsec_'

/**
 * Checks a message by the Standard Webhooks specification and gives its event; throws WebhookError. `body` is what came, to the byte: not
 * parsed and written again. `secret` is that of the endpoint; several while it is being rotated.
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
  if (!/^\d{1,12}$/.test(timestamp)) throw new WebhookError('webhook-timestamp is no time.')
  const age = Math.abs(now.getTime() / 1000 - Number(timestamp))
  if (age > toleranceSeconds) throw new WebhookError('The message is too old, or a clock is wrong.')
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
  throw new WebhookError('No signature fits: check the secret, and that the body is as it came.')
}

function headerOf(headers: Headers, name: string): string | undefined {
  if (typeof headers['get'] === 'function')
    return (headers as { get(name: string): string | null }).get(name) ?? undefined
  const value = (headers as Readonly<Record<string, string | readonly string[] | undefined>>)[name]
  return typeof value === 'string' ? value : value?.[0]
}

function importKey(secret: string): Promise<Key> {
  const raw = decode(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret)
  if (!raw || raw.length === 0) throw new TypeError('secret must be that of a webhook endpoint: whsec_…')
  return crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

/** Base64; undefined when it is none. */
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
    throw new WebhookError('The message is signed and no JSON.', { cause: error })
  }
}
