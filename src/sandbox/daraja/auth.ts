import { addMs } from '#platform/base/clock'
import { makeToken as make, readToken } from '../bearer.ts'
import { MPESA } from '../credentials.ts'

/** Token lifetime that Daraja states: about an hour. */
export const TOKEN_SECONDS = 3599

const basic = Buffer.from(`${MPESA.consumerKey}:${MPESA.consumerSecret}`).toString('base64')

export const isBasic = (authorization: string | undefined): boolean => authorization === `Basic ${basic}`

export const makeToken = (now: Date): string => make(MPESA.consumerSecret, addMs(now, TOKEN_SECONDS * 1000))

export const isToken = (authorization: string | undefined, now: Date): boolean =>
  readToken(MPESA.consumerSecret, authorization, now)

export const passwordOf = (timestamp: string): string =>
  Buffer.from(MPESA.shortcode + MPESA.passkey + timestamp).toString('base64')
