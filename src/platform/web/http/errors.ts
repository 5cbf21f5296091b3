import { AppError, type ErrorDetails } from '../../base/errors.ts'
import { isDatabaseUnavailable } from '../../database/db.ts'

/** Body of every error response. */
interface ErrorBody {
  error: { code: string; message: string; param?: string; request_id: string; doc_url: string }
}

export function errorBody(error: AppError, requestId: string, docsUrl: string): ErrorBody {
  const { code, message, param } = error
  return {
    error: {
      code,
      message,
      ...(param === undefined ? {} : { param }),
      request_id: requestId,
      doc_url: `${docsUrl}/errors#${code}`,
    },
  }
}

type ErrorTuple = readonly [code: string, status: number, message: string]

/** Error responses by Fastify error code. */
const BY_FASTIFY_CODE: Readonly<Record<string, ErrorTuple>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: [
    'invalid-json',
    400,
    'The body is not valid JSON. Check its quotes, commas and brackets.',
  ],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid-json', 400, 'The body is empty. Send a JSON object, or omit Content-Type.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    415,
    'Send the body as JSON, with Content-Type: application/json.',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 413, 'The body is too large. Send a smaller one.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'bad-request',
    400,
    'The length of the body differs from Content-Length. Send the request again.',
  ],
  FST_ERR_BAD_URL: ['bad-request', 400, 'The path of the URL is malformed. Check its percent encoding.'],
  FST_ERR_ASYNC_CONSTRAINT: ['bad-request', 400, 'The request cannot be parsed.'],
}

const UNAVAILABLE_AFTER_SECONDS = 5

/** SQLSTATE of a write that found no room. Nothing was written. */
const DISK_FULL = '53100'
/** SQLSTATE of text that PostgreSQL cannot store. Route schemas refuse such text; this covers fields without that rule. */
const INVALID_TEXT = '22021'

/** Converts any thrown value to an error that may be shown to the caller. Internal details stay in `cause`. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError && (error.status < 500 || error.status === 503)) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const fastifyError = BY_FASTIFY_CODE[code]
  if (fastifyError) return new AppError(...fastifyError, { cause: error })
  const details: ErrorDetails = { cause: error, retryAfterSeconds: UNAVAILABLE_AFTER_SECONDS }
  if (code === DISK_FULL)
    return new AppError('unavailable', 503, 'The disk of the database is full. Try again once it has room.', details)
  if (isDatabaseUnavailable(error))
    return new AppError('unavailable', 503, 'Purser cannot reach its database. Try again soon.', details)
  if (code === INVALID_TEXT)
    return new AppError('validation-failed', 422, 'A text in the request cannot be stored. Remove null characters.', {
      cause: error,
    })
  if (code.startsWith('FST_ERR_CTP'))
    return new AppError('bad-request', 400, 'The body cannot be read. Send the request again.', { cause: error })
  return toInternalError(error)
}

const toInternalError = (cause: unknown): AppError =>
  new AppError('internal', 500, 'Purser had an internal error. Give the request id to support.', { cause })
