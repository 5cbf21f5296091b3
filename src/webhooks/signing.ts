import type { Ids } from '#platform/base/ids'
import { SECRET_PREFIX, toUnixSeconds, signatureOf } from '#platform/base/signatures'

const SECRET_BYTES = 32

/** Creates a signing secret in the format of the Standard Webhooks specification. */
export const createSecret = (ids: Ids): string =>
  SECRET_PREFIX + Buffer.from(ids.secret(SECRET_BYTES), 'base64url').toString('base64')

/** Returns the signature headers of the Standard Webhooks specification: one signature per secret, separated by spaces. */
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
