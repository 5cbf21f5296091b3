import { AppError } from '#platform/base/errors'

export type DarajaErrorCode = 'daraja.rejected' | 'daraja.unauthorized' | 'daraja.unavailable' | 'daraja.bad-answer'

export interface DarajaFailure {
  code: DarajaErrorCode
  /** Whether Safaricom may have acted on the request: when true, it must not be sent again. */
  maybeActed: boolean
  /** HTTP status of the response; undefined without a response. */
  httpStatus?: number | undefined
  requestId?: string | undefined
  errorCode?: string | undefined
  errorMessage?: string | undefined
  cause?: unknown
}

/** Error response of Daraja, `{requestId, errorCode, errorMessage}`, or a missing response. Contains no secret. */
export class DarajaError extends AppError {
  declare readonly code: DarajaErrorCode
  readonly maybeActed: boolean
  readonly httpStatus: number | undefined
  readonly requestId: string | undefined
  readonly errorCode: string | undefined
  readonly errorMessage: string | undefined

  constructor(failure: DarajaFailure) {
    const said = [failure.httpStatus, failure.errorCode, failure.errorMessage]
      .filter((part) => part !== undefined)
      .join(' ')
    super(failure.code, 502, `Daraja: ${SENTENCES[failure.code]}${said && ` (${said})`}`, { cause: failure.cause })
    this.maybeActed = failure.maybeActed
    this.httpStatus = failure.httpStatus
    this.requestId = failure.requestId
    this.errorCode = failure.errorCode
    this.errorMessage = failure.errorMessage
  }

  /** Returns the same failure for a token request. It moves no money, so `maybeActed` is false. */
  toTokenError(): DarajaError {
    const code = this.code === 'daraja.rejected' ? 'daraja.unauthorized' : this.code
    const { httpStatus, requestId, errorCode, errorMessage, cause } = this
    return new DarajaError({ code, maybeActed: false, httpStatus, requestId, errorCode, errorMessage, cause })
  }
}

const SENTENCES: Record<DarajaErrorCode, string> = {
  'daraja.rejected': 'the request was refused',
  'daraja.unauthorized': 'the credentials were refused',
  'daraja.unavailable': 'no usable response',
  'daraja.bad-answer': 'the response has an unknown format',
}
