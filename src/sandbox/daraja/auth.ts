import { createHmac, timingSafeEqual } from 'node:crypto'
import { addMs } from '#platform/clock'
import { MPESA } from '../credentials.ts'

/** As Daraja says it: about an hour. */
export const TOKEN_SECONDS = 3599

const basic = Buffer.from(`${MPESA.consumerKey}:${MPESA.consumerSecret}`).toString('base64')

export const isBasic = (authorization: string | undefined): boolean => authorization === `Basic ${basic}`

/** A token that carries its own end, so that nothing needs to be kept. */
export function makeToken(now: Date): string {
  const endsAt = String(addMs(now, TOKEN_SECONDS * 1000).getTime())
  return `${endsAt}.${macOf(endsAt)}`
}

export function isToken(authorization: string | undefined, now: Date): boolean {
  const [, endsAt = '', mac = ''] = /^Bearer (\d+)\.(\w+)$/.exec(authorization ?? '') ?? []
  const expected = Buffer.from(macOf(endsAt))
  const given = Buffer.from(mac)
  return (
    given.length === expected.length && timingSafeEqual(given, expected) && Number.parseInt(endsAt, 10) > now.getTime()
  )
}

const macOf = (text: string): string =>
  createHmac('sha256', MPESA.consumerSecret).update(text).digest('hex').slice(0, 24)

export const passwordOf = (timestamp: string): string =>
  Buffer.from(MPESA.shortcode + MPESA.passkey + timestamp).toString('base64')
