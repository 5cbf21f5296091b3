import { createHmac } from 'node:crypto'
import type { Ids } from '#platform/ids'

const PREFIX = 'whsec_'
const SECRET_BYTES = 32

/** A new signing secret in the form of the Standard Webhooks specification. */
export const createSecret = (ids: Ids): string =>
  PREFIX + Buffer.from(ids.secret(SECRET_BYTES), 'base64url').toString('base64')

/**
 * The headers that prove a message by the Standard Webhooks specification (github.com/standard-webhooks/standard-webhooks): a signature
 * for each secret, with spaces between them.
 */
export function signedHeaders(id: string, at: Date, body: string, secrets: readonly string[]): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const sign = (secret: string): string => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  }
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': secrets.map(sign).join(' ') }
}
