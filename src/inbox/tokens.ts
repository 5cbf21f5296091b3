import { isId } from '#platform/base/ids'
import { equalSecret, keyedHash } from '#platform/base/secrets'
import type { CallbackPurpose, Rail, TokenRefund } from '#rails/contract'

/**
 * Secret in an attempt's callback path: `<attempt id>.<mac>`. Providers without signatures (M-Pesa) prove themselves by
 * this secret. It is verified without the database, so a flood of forged callbacks costs one hash each.
 */
// 160 bits. Hexadecimal, because Daraja handles lower-case callback paths best.
const MAC_CHARS = 40

export const callbackToken = (key: Buffer, subject: string): string => `${subject}.${macOf(key, subject)}`

const macOf = (key: Buffer, subject: string): string =>
  keyedHash(key, `payments.callback\n${subject}`).slice(0, MAC_CHARS)

/** Returns the callback URL of an attempt. It contains the token: never log it. */
export function callbackUrl(
  publicUrl: string,
  key: Buffer,
  rail: Pick<Rail, 'name' | 'webhook'>,
  attemptId: string,
): string {
  const name = rail.webhook?.pathAlias ?? rail.name
  return `${publicUrl.replace(/\/$/, '')}/api/webhook/${name}/${callbackToken(key, attemptId)}`
}

const REFUND_TOKEN = /^(re_\w{26})-(\d{1,4})-(result|timeout|status)$/

/**
 * Returns the callback URL of a refund sending, one for each purpose: `<sending id>-<purpose>.<mac>`. It contains the
 * token: never log it.
 */
export function refundCallbackUrl(
  publicUrl: string,
  key: Buffer,
  rail: Pick<Rail, 'name' | 'webhook'>,
  { sendingId, purpose }: { sendingId: string; purpose: CallbackPurpose },
): string {
  const name = rail.webhook?.pathAlias ?? rail.name
  return `${publicUrl.replace(/\/$/, '')}/api/webhook/${name}/${callbackToken(key, `${sendingId}-${purpose}`)}`
}

/**
 * Returns the subject of a valid token: an attempt id, or a refund sending with its purpose. Undefined when the MAC is
 * wrong.
 */
export function subjectOfToken(key: Buffer, token: string): string | undefined {
  const [subject = '', mac = '', ...rest] = token.split('.')
  if (rest.length > 0 || !(isId('att', subject) || readSubject(subject))) return undefined
  return equalSecret(mac, macOf(key, subject)) ? subject : undefined
}

/** Returns the refund sending that a verified subject names; undefined when it names an attempt. */
export function readSubject(subject: string): TokenRefund | undefined {
  const [, refundId = '', sending = '', purpose] = REFUND_TOKEN.exec(subject) ?? []
  if (!isId('re', refundId)) return undefined
  return { refundId, sendingId: `${refundId}-${sending}`, purpose: purpose as CallbackPurpose }
}
