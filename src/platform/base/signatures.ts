import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Signed messages by the Standard Webhooks specification (github.com/standard-webhooks/standard-webhooks), which is Svix's scheme under
 * other header names: HMAC-SHA256 over `id.timestamp.body`, keyed by what follows `whsec_` in base64.
 */
export const SECRET_PREFIX = 'whsec_'

/** Older and newer ones are refused: what was recorded once cannot be sent again for ever. */
const TOLERANCE_SECONDS = 300

export interface Signed {
  readonly id: string
  readonly at: Date
  readonly body: string | Buffer
}

export const toUnixSeconds = (at: Date): string => String(Math.floor(at.getTime() / 1000))

/** `v1,…`: several of them may stand in one header, with spaces between them. */
export const signatureOf = (secret: string, { id, at, body }: Signed): string =>
  `v1,${macOf(secret, id, toUnixSeconds(at), body).toString('base64')}`

function macOf(secret: string, id: string, seconds: string, body: string | Buffer): Buffer {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
  return createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest()
}

export interface Received {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  readonly now: Date
}

export type Checked = { readonly ok: true; readonly id: string } | { readonly ok: false; readonly why: string }

/**
 * Whether the holder of `secret` signed this body within the last five minutes. `id` names the message: a repeat has the same one. Takes
 * the headers of both names, `svix-…` and `webhook-…`.
 */
export function verifySignature({ headers, body, now }: Received, secret: string): Checked {
  const of = (name: string): string | undefined => {
    const value = headers[`svix-${name}`] ?? headers[`webhook-${name}`]
    return typeof value === 'string' ? value : undefined
  }
  const [id, timestamp, signatures] = [of('id'), of('timestamp'), of('signature')]
  if (!id || !timestamp || !signatures) return { ok: false, why: 'the headers of a signature are missing' }
  if (!/^\d{1,12}$/.test(timestamp)) return { ok: false, why: 'the time of the signature is no time' }
  const ageSeconds = now.getTime() / 1000 - Number(timestamp)
  if (Math.abs(ageSeconds) > TOLERANCE_SECONDS) return { ok: false, why: 'the signature is too old, or of the future' }
  const expected = macOf(secret, id, timestamp, body)
  const fits = signatures.split(' ').some((each) => each.startsWith('v1,') && isSame(each.slice(3), expected))
  return fits ? { ok: true, id } : { ok: false, why: 'the signature is wrong' }
}

function isSame(base64: string, expected: Buffer): boolean {
  const given = Buffer.from(base64, 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
