import { isId } from '#platform/base/ids'
import { equalSecret, keyedHash } from '#platform/base/secrets'
import type { CallbackPurpose, Rail, TokenRefund } from '#rails/contract'

/**
 * The secret in an attempt's callback path: `<attempt id>.<mac>`. Providers without signatures (M-Pesa) prove themselves by knowing it.
 * It is checked without the database, so a flood of forged callbacks costs one hash each.
 */
// 160 bits; hex, because callback paths are best kept in lower case (Daraja).
const MAC_CHARS = 40

export const callbackToken = (key: Buffer, subject: string): string => `${subject}.${macOf(key, subject)}`

const macOf = (key: Buffer, subject: string): string =>
  keyedHash(key, `payments.callback\n${subject}`).slice(0, MAC_CHARS)

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

const REFUND_TOKEN = /^(re_\w{26})-(\d{1,4})-(result|timeout|status)$/

/** The same for a sending of a refund: `<sending id>-<purpose>.<mac>`, one for each purpose. Carries the token: never log it. */
export function refundCallbackUrl(
  publicUrl: string,
  key: Buffer,
  rail: Pick<Rail, 'name' | 'webhook'>,
  { sendingId, purpose }: { sendingId: string; purpose: CallbackPurpose },
): string {
  const name = rail.webhook?.pathAlias ?? rail.name
  return `${publicUrl.replace(/\/$/, '')}/api/webhook/${name}/${callbackToken(key, `${sendingId}-${purpose}`)}`
}

/** What a token names, without its MAC: an attempt, or a sending of a refund and the purpose. Undefined when it is not one that we made. */
export function subjectOfToken(key: Buffer, token: string): string | undefined {
  const [subject = '', mac = '', ...rest] = token.split('.')
  if (rest.length > 0 || !(isId('att', subject) || readSubject(subject))) return undefined
  return equalSecret(mac, macOf(key, subject)) ? subject : undefined
}

/** The refund that a checked subject names; undefined when it names an attempt. */
export function readSubject(subject: string): TokenRefund | undefined {
  const [, refundId = '', sending = '', purpose] = REFUND_TOKEN.exec(subject) ?? []
  if (!isId('re', refundId)) return undefined
  return { refundId, sendingId: `${refundId}-${sending}`, purpose: purpose as CallbackPurpose }
}
