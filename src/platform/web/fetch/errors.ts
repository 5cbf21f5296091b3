import { AppError } from '../../base/errors.ts'

export type FetchFailure =
  'fetch.timeout' | 'fetch.unreachable' | 'fetch.cut' | 'fetch.too-large' | 'fetch.bad-json' | 'fetch.forbidden-address'

const STATUS: Readonly<Record<FetchFailure, number>> = {
  'fetch.timeout': 504,
  'fetch.unreachable': 502,
  'fetch.cut': 502,
  'fetch.too-large': 502,
  'fetch.bad-json': 502,
  'fetch.forbidden-address': 422,
}

/** An outgoing call without a usable response. The message contains label and origin only; path, headers and bodies may be secret. */
export class FetchError extends AppError {
  declare readonly code: FetchFailure
  /**
   * Whether the other side may have acted on the request. False only when certainly no byte was written: no connection existed, or the
   * deadline passed while waiting for one. After true, query the state of a money request and never resend it.
   */
  readonly maybeSent: boolean

  constructor(code: FetchFailure, message: string, maybeSent: boolean, cause?: unknown) {
    super(code, STATUS[code], message, cause === undefined ? {} : { cause })
    this.maybeSent = maybeSent
  }
}
