import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Prefix of signing secrets in the Standard Webhooks specification (github.com/standard-webhooks/standard-webhooks). It is Svix's scheme
 * with other header names: HMAC-SHA256 over `id.timestamp.body`. The key is the base64 text after `whsec_`.
 */
export const SECRET_PREFIX = 'whsec_'

/** Maximum difference between signature time and now. Limits the replay of recorded messages. */
const TOLERANCE_SECONDS = 300

export interface SignableMessage {
  readonly id: string
  readonly at: Date
  readonly body: string | Buffer
}

export const toUnixSeconds = (at: Date): string => String(Math.floor(at.getTime() / 1000))

/** Returns a signature `v1,…`. One header may hold several signatures, separated by spaces. */
export const signatureOf = (secret: string, { id, at, body }: SignableMessage): string =>
  `v1,${macOf(secret, id, toUnixSeconds(at), body).toString('base64')}`

function macOf(secret: string, id: string, seconds: string, body: string | Buffer): Buffer {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
  return createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest()
}

export interface SignedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  readonly now: Date
}

export type SignatureCheck = { readonly ok: true; readonly id: string } | { readonly ok: false; readonly why: string }

/**
 * Checks that the holder of `secret` signed this body within the last five minutes. `id` identifies the message and is equal for a
 * redelivery. Accepts `svix-…` and `webhook-…` headers.
 */
export function verifySignature({ headers, body, now }: SignedRequest, secret: string): SignatureCheck {
  const readHeader = (name: string): string | undefined => {
    const value = headers[`svix-${name}`] ?? headers[`webhook-${name}`]
    return typeof value === 'string' ? value : undefined
  }
  const [id, timestamp, signatures] = [readHeader('id'), readHeader('timestamp'), readHeader('signature')]
  if (!id || !timestamp || !signatures) return { ok: false, why: 'a signature header is missing' }
  if (!/^\d{1,12}$/.test(timestamp)) return { ok: false, why: 'the signature timestamp is not a number' }
  const ageSeconds = now.getTime() / 1000 - Number(timestamp)
  if (Math.abs(ageSeconds) > TOLERANCE_SECONDS)
    return { ok: false, why: 'the signature timestamp is more than 5 minutes from now' }
  const expected = macOf(secret, id, timestamp, body)
  const matches = signatures.split(' ').some((each) => each.startsWith('v1,') && equalsMac(each.slice(3), expected))
  return matches ? { ok: true, id } : { ok: false, why: 'the signature does not match' }
}

function equalsMac(base64: string, expected: Buffer): boolean {
  const given = Buffer.from(base64, 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
