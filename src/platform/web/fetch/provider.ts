import { AppError } from '../../base/errors.ts'
import { parseExactJson } from '../../base/json.ts'
import type { FetchAnswer } from './exchange.ts'

export interface Provider {
  /** Prefix of the error codes: `kraken` in `kraken.bad-answer`. */
  readonly code: string
  /** Name for error messages. */
  readonly name: string
}

/**
 * Returns the JSON of a response to a read-only request, with numbers as text (`parseExactJson`). Throws AppError 502:
 * `<code>.too-many-requests` (with Retry-After), `.refused` (other 4xx), `.unavailable` (other status), `.bad-answer` (not JSON).
 */
export function requireJson(answer: FetchAnswer, provider: Provider): unknown {
  const { status } = answer
  if (status === 429) throw tooManyRequests(provider, parseRetryAfter(answer.headers))
  if (status !== 200) {
    const code = status >= 400 && status < 500 ? 'refused' : 'unavailable'
    throw new AppError(`${provider.code}.${code}`, 502, `${provider.name} responded with HTTP ${status}`)
  }
  try {
    return parseExactJson(answer.text())
  } catch {
    // Omit the cause: the parser's message quotes the body.
    throw badAnswer(provider, 'a body that is not JSON')
  }
}

export const tooManyRequests = ({ code, name }: Provider, retryAfterSeconds?: number): AppError =>
  new AppError(
    `${code}.too-many-requests`,
    502,
    `${name} limits the number of requests`,
    retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
  )

/**
 * Returns whether the status proves that the provider did nothing. A 4xx does, except 408 (a proxy stopped waiting). A 5xx does not: the
 * request may have reached a server behind the one that responded.
 */
export const didNothing = (status: number): boolean => status >= 400 && status < 500 && status !== 408

/** Returns whether the provider rejected the request itself, so that an unchanged retry fails too. */
export const isRejected = (status: number): boolean => didNothing(status) && status !== 429

/** Parses the JSON of a response. Undefined when it is not JSON. */
export function parseJsonBody(answer: FetchAnswer): unknown {
  try {
    return answer.json()
  } catch {
    return undefined
  }
}

/** Creates `<code>.bad-answer`. `what` completes the sentence "… responded with …". */
export const badAnswer = ({ code, name }: Provider, what = 'an unknown format', cause?: unknown): AppError =>
  new AppError(`${code}.bad-answer`, 502, `${name} responded with ${what}`, { cause })

/** Parses `Retry-After` to seconds. A date is compared with the `Date` header, so that a wrong local clock does not matter. */
function parseRetryAfter({ 'retry-after': text, date }: FetchAnswer['headers']): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  if (!text.endsWith(' GMT')) return undefined
  const ms = Date.parse(text) - Date.parse(date ?? '')
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / 1000))
}
