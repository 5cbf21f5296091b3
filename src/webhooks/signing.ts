import type { Ids } from '#platform/base/ids'
import { SECRET_PREFIX, toUnixSeconds, signatureOf } from '#platform/base/signatures'

const SECRET_BYTES = 32

/** A new signing secret in the form of the Standard Webhooks specification. */
export const createSecret = (ids: Ids): string =>
  SECRET_PREFIX + Buffer.from(ids.secret(SECRET_BYTES), 'base64url').toString('base64')

/** The headers that prove a message by the Standard Webhooks specification: a signature for each secret, with spaces between them. */
export const signedHeaders = (
  id: string,
  at: Date,
  body: string,
  secrets: readonly string[],
): Record<string, string> => ({
  'webhook-id': id,
  'webhook-timestamp': toUnixSeconds(at),
  'webhook-signature': secrets.map((secret) => signatureOf(secret, { id, at, body })).join(' '),
})
