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

/** An exchange without a usable answer. Names the label and the origin; the path, the headers and the bodies may be secret. */
export class FetchError extends AppError {
  declare readonly code: FetchFailure
  /**
   * Whether the other side may have acted on the request. False only when surely not one byte of it was written: no connection was
   * made, or the deadline passed while waiting for one. A money request that may have been sent is asked about, never sent again.
   */
  readonly maybeSent: boolean

  constructor(code: FetchFailure, message: string, maybeSent: boolean, cause?: unknown) {
    super(code, STATUS[code], message, cause === undefined ? {} : { cause })
    this.maybeSent = maybeSent
  }
}
