import { equalSecret, keyedHash } from '#platform/secrets'
import { isId } from '#platform/ids'
import type { Rail } from './rail.ts'

/**
 * The secret in an attempt's callback path: `<attempt id>.<mac>`. Providers without signatures (M-Pesa) prove themselves by knowing it.
 * It is checked without the database, so a flood of forged callbacks costs one hash each.
 */
// 160 bits; hex, because callback paths are best kept in lower case (Daraja).
const MAC_CHARS = 40

export const callbackToken = (key: Buffer, attemptId: string): string => `${attemptId}.${macOf(key, attemptId)}`

/** The attempt that the token names, or undefined when it is not one that we made. */
export function attemptOfToken(key: Buffer, token: string): string | undefined {
  const [attemptId = '', mac = '', ...rest] = token.split('.')
  if (rest.length > 0 || !isId('att', attemptId)) return undefined
  return equalSecret(mac, macOf(key, attemptId)) ? attemptId : undefined
}

const macOf = (key: Buffer, attemptId: string): string =>
  keyedHash(key, `payments.callback\n${attemptId}`).slice(0, MAC_CHARS)

/** Carries the token: never log it. */
export function callbackUrl(
  publicUrl: string,
  key: Buffer,
  rail: Pick<Rail, 'name' | 'webhook'>,
  attemptId: string,
): string {
  const name = rail.webhook?.pathAlias ?? rail.name
  return `${publicUrl.replace(/\/$/, '')}/api/webhook/${name}/${callbackToken(key, attemptId)}`
}
