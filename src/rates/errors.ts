import { AppError } from '#platform/base/errors'
import { FetchError, type FetchFailure } from '#platform/web/fetch'
import type { SourceState } from './types.ts'

const RETRY_AFTER_SECONDS = 60

/** Nobody gave a price that is fresh and agreed enough. Names each source and what is the matter with it. */
export class RatesUnavailable extends AppError {
  readonly states: readonly SourceState[]

  constructor(pair: string, maxAgeMs: number, states: readonly SourceState[]) {
    const said = states.length > 0 ? states.map((state) => state.said).join('; ') : 'no price source is switched on'
    const message = `No rate for ${pair} is at most ${maxAgeMs / 1000} s old: ${said}.`
    super('rates.unavailable', 503, message, { retryAfterSeconds: RETRY_AFTER_SECONDS })
    this.states = states
  }
}

export const unknownPair = (pair: string): AppError =>
  new AppError('rates.unknown-pair', 422, `No source gives a price for ${pair}.`, { param: 'base' })

const FETCH: Readonly<Record<FetchFailure, string>> = {
  'fetch.timeout': 'did not answer in time',
  'fetch.unreachable': 'cannot be reached',
  'fetch.cut': 'broke the connection',
  'fetch.too-large': 'answered far too much',
  'fetch.bad-json': 'answered what is not JSON',
  'fetch.forbidden-address': 'is at a forbidden address',
}

/** What went wrong as the end of a sentence that begins with the source's name: may be shown to anybody. */
export function problemOf(error: unknown): string {
  if (error instanceof FetchError) return FETCH[error.code]
  if (!(error instanceof AppError)) return 'failed'
  if (error.code.endsWith('.too-many-requests')) return 'asks for fewer requests'
  if (error.code.endsWith('.bad-answer')) return 'answered in a form that is not known'
  if (error.code.endsWith('.refused')) return 'refused the request'
  return error.code.endsWith('.unavailable') ? 'is out of order' : 'failed'
}
