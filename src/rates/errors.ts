import { AppError } from '#platform/base/errors'
import { FetchError, type FetchFailure } from '#platform/web/fetch'
import type { SourceState } from './types.ts'

const RETRY_AFTER_SECONDS = 60

/** No source has a fresh price that the sources agree on. The message names the problem of each source. */
export class RatesUnavailable extends AppError {
  readonly states: readonly SourceState[]

  constructor(pair: string, maxAgeMs: number, states: readonly SourceState[]) {
    const problems = states.length > 0 ? states.map((state) => state.said).join('; ') : 'no price source is enabled'
    const message = `No rate for ${pair} is at most ${maxAgeMs / 1000} s old: ${problems}.`
    super('rates.unavailable', 503, message, { retryAfterSeconds: RETRY_AFTER_SECONDS })
    this.states = states
  }
}

export const unknownPair = (pair: string): AppError =>
  new AppError('rates.unknown-pair', 422, `No source has a price for ${pair}.`, { param: 'base' })

const FETCH: Readonly<Record<FetchFailure, string>> = {
  'fetch.timeout': 'did not answer in time',
  'fetch.unreachable': 'cannot be reached',
  'fetch.cut': 'closed the connection early',
  'fetch.too-large': 'sent a response that is too large',
  'fetch.bad-json': 'sent a response that is not JSON',
  'fetch.forbidden-address': 'is at a forbidden address',
}

/** Returns the problem as the end of a sentence that starts with the source's name. Contains no secret. */
export function problemOf(error: unknown): string {
  if (error instanceof FetchError) return FETCH[error.code]
  if (!(error instanceof AppError)) return 'failed'
  if (error.code.endsWith('.too-many-requests')) return 'asks for fewer requests'
  if (error.code.endsWith('.bad-answer')) return 'sent a response in an unknown format'
  if (error.code.endsWith('.refused')) return 'refused the request'
  return error.code.endsWith('.unavailable') ? 'reports a failure' : 'failed'
}
