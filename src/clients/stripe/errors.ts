import { AppError } from '#platform/base/errors'
import { FetchError } from '#platform/web/fetch'
import type { Secret } from '#platform/base/secrets'
import { loadStripe } from './load.ts'

export type StripeFailureCode = 'stripe.rejected' | 'stripe.unauthorized' | 'stripe.unavailable' | 'stripe.bad-answer'

interface Details {
  code: StripeFailureCode
  maybeActed: boolean
  said: string
  httpStatus?: number | undefined
  cause?: unknown
}

/** Error response of Stripe, or a missing response. Contains no secret. */
export class StripeFailure extends AppError {
  declare readonly code: StripeFailureCode
  /** Whether Stripe may have acted. To find out, the same request may be sent again with the same idempotency key. */
  readonly maybeActed: boolean
  readonly httpStatus: number | undefined

  constructor({ code, maybeActed, said, httpStatus, cause }: Details) {
    super(code, 502, `Stripe: ${said}`, { cause })
    this.maybeActed = maybeActed
    this.httpStatus = httpStatus
  }
}

const LONGEST_MESSAGE = 200

/** Converts any error of the library. */
export function toFailure(error: unknown, secretKey: Secret): StripeFailure {
  const { errors } = loadStripe()
  if (!(error instanceof errors.StripeError)) {
    return new StripeFailure({ code: 'stripe.bad-answer', maybeActed: true, said: 'an unknown failure', cause: error })
  }
  const { statusCode: httpStatus, requestId, type, code: stripeCode } = error
  const message = error.message.replaceAll(secretKey.reveal(), '[secret]').slice(0, LONGEST_MESSAGE)
  const said = [httpStatus, stripeCode, message, requestId].filter((part) => part !== undefined).join(' ')
  if (error instanceof errors.StripeConnectionError) {
    const cause: unknown = error.detail
    const maybeActed = !(cause instanceof FetchError) || cause.maybeSent
    return new StripeFailure({ code: 'stripe.unavailable', maybeActed, said: 'no response', cause })
  }
  const code = codeOf(httpStatus)
  // 409: a request with the same key is in progress. An idempotency error: the key was used before with other parameters.
  const inDoubt = code === 'stripe.bad-answer' || httpStatus === 409 || type === 'StripeIdempotencyError'
  const maybeActed = inDoubt || (httpStatus ?? 500) >= 500
  return new StripeFailure({ code, maybeActed, said, httpStatus, cause: maybeActed ? error.detail : undefined })
}

function codeOf(httpStatus: number | undefined): StripeFailureCode {
  if (httpStatus === undefined) return 'stripe.bad-answer'
  if (httpStatus === 401 || httpStatus === 403) return 'stripe.unauthorized'
  return httpStatus >= 500 || httpStatus === 429 ? 'stripe.unavailable' : 'stripe.rejected'
}
