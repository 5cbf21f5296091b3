import type { z } from 'zod'
import {
  didNothing,
  FetchError,
  parseJsonBody,
  type Fetch,
  type FetchAnswer,
  type FetchRequest,
} from '#platform/web/fetch'
import { DarajaError } from './errors.ts'
import { errorAnswer } from './wire.ts'

/** Daraja refuses a token with 401 or, at its gateway, with 404 and one of these codes [community]. */
const TOKEN_CODES = new Set(['404.001.03', '404.001.04'])
/** Daraja reports a wrong passkey or short code as 500.001.1001, as many other errors, with "[MerchantValidate] - Wrong credentials" [community]. */
const WRONG_PASSWORD = /^\[MerchantValidate\]/
const LONGEST_MESSAGE = 200

/**
 * Sends the request and parses the response by the schema. Throws DarajaError for anything else: an error response, another status, another
 * format, or no response. `secrets` are removed from the message in case Daraja repeats one.
 */
export async function readResponse<T>(
  fetch: Fetch,
  request: FetchRequest,
  schema: z.ZodType<T>,
  secrets: readonly string[],
): Promise<T> {
  const answer = await send(fetch, request)
  const { status: httpStatus } = answer
  const body = parseJsonBody(answer)
  const failure = errorAnswer.safeParse(body)
  if (failure.success) {
    const { requestId, errorCode, errorMessage } = failure.data
    const tokenRefused = httpStatus === 401 || TOKEN_CODES.has(errorCode)
    const refused = tokenRefused || isRefusal(httpStatus, errorCode) || WRONG_PASSWORD.test(errorMessage ?? '')
    throw new DarajaError({
      code: tokenRefused ? 'daraja.unauthorized' : refused ? 'daraja.rejected' : 'daraja.unavailable',
      maybeActed: !refused,
      httpStatus,
      requestId,
      errorCode,
      errorMessage: scrub(errorMessage, secrets),
    })
  }
  if (httpStatus === 401) throw new DarajaError({ code: 'daraja.unauthorized', maybeActed: false, httpStatus })
  if (httpStatus !== 200) {
    const refused = isRefusal(httpStatus, '')
    throw new DarajaError({
      code: refused ? 'daraja.rejected' : 'daraja.unavailable',
      maybeActed: !refused,
      httpStatus,
    })
  }
  const parsed = schema.safeParse(body)
  if (!parsed.success)
    throw new DarajaError({ code: 'daraja.bad-answer', maybeActed: true, httpStatus, cause: parsed.error })
  return parsed.data
}

async function send(fetch: Fetch, request: FetchRequest): Promise<FetchAnswer> {
  try {
    return await fetch(request)
  } catch (error) {
    if (!(error instanceof FetchError)) throw error
    throw new DarajaError({ code: 'daraja.unavailable', maybeActed: error.maybeSent, cause: error })
  }
}

/** Whether the response proves that Daraja did nothing: by its status, or by a `4xx.…` code in a success status. */
const isRefusal = (httpStatus: number, errorCode: string): boolean =>
  didNothing(httpStatus) || (httpStatus < 400 && errorCode.startsWith('4'))

function scrub(message: string | undefined, secrets: readonly string[]): string | undefined {
  const clean = secrets.reduce((text, secret) => (secret ? text?.replaceAll(secret, '[secret]') : text), message)
  return clean?.slice(0, LONGEST_MESSAGE)
}
