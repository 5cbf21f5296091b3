import { AppError } from '../../base/errors.ts'
import { parseExactJson } from '../../base/json.ts'
import type { FetchAnswer } from './exchange.ts'

export interface Provider {
  /** Begins its error codes: `kraken.bad-answer`. */
  readonly code: string
  /** As people know it. */
  readonly name: string
}

/**
 * The JSON of an answer that only reads (nothing was done by it), its numbers as text (`parseExactJson`). Throws AppError 502:
 * `<code>.too-many-requests` (with Retry-After), `.refused` (another 4xx), `.unavailable` (any other status), `.bad-answer` (no JSON).
 */
export function requireJson(answer: FetchAnswer, provider: Provider): unknown {
  const { status } = answer
  if (status === 429) throw tooManyRequests(provider, retryAfterOf(answer.headers))
  if (status !== 200) {
    const code = status >= 400 && status < 500 ? 'refused' : 'unavailable'
    throw new AppError(`${provider.code}.${code}`, 502, `${provider.name} answered ${status}`)
  }
  try {
    return parseExactJson(answer.text())
  } catch {
    // Without the cause: the parser's message quotes the body.
    throw badAnswer(provider, 'what is not JSON')
  }
}

export const tooManyRequests = ({ code, name }: Provider, retryAfterSeconds?: number): AppError =>
  new AppError(
    `${code}.too-many-requests`,
    502,
    `${name} asks for fewer requests`,
    retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
  )

/**
 * Whether the answer says surely that nothing was done. A 4xx does, 408 (a proxy gave up waiting) aside. A 5xx leaves doubt: the request may have
 * gone on to whoever is behind.
 */
export const didNothing = (status: number): boolean => status >= 400 && status < 500 && status !== 408

/** Whether the request itself was refused: asked for again as it is, it will be again. */
export const isRejected = (status: number): boolean => didNothing(status) && status !== 429

/** What the answer holds; undefined when it is no JSON. */
export function jsonOf(answer: FetchAnswer): unknown {
  try {
    return answer.json()
  } catch {
    return undefined
  }
}

/** `said` ends the sentence "… answered". */
export const badAnswer = ({ code, name }: Provider, said = 'in a form that is not known', cause?: unknown): AppError =>
  new AppError(`${code}.bad-answer`, 502, `${name} answered ${said}`, { cause })

/** Seconds that `Retry-After` asks for. A date is taken by the clock of the one who wrote it (`Date`), so that ours may be wrong. */
function retryAfterOf({ 'retry-after': text, date }: FetchAnswer['headers']): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  if (!text.endsWith(' GMT')) return undefined
  const ms = Date.parse(text) - Date.parse(date ?? '')
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / 1000))
}
