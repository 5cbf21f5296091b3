import { AppError, type ErrorDetails } from '../../base/errors.ts'

/** The body of every error answer. */
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

type Answer = readonly [code: string, status: number, message: string]

/** Refusals of the web server itself, by its own codes. */
const BY_FASTIFY_CODE: Readonly<Record<string, Answer>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: [
    'invalid-json',
    400,
    'The body is not valid JSON: check its quotes, commas and brackets.',
  ],
  FST_ERR_CTP_EMPTY_JSON_BODY: [
    'invalid-json',
    400,
    'The body is empty: send a JSON object, or leave out Content-Type.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    415,
    'Send the body as JSON, with Content-Type: application/json.',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 413, 'The body is too large: send less.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'bad-request',
    400,
    'The body is not as long as Content-Length says: send it again.',
  ],
  FST_ERR_BAD_URL: ['bad-request', 400, 'The path of the URL is malformed: check its percent signs.'],
  FST_ERR_ASYNC_CONSTRAINT: ['bad-request', 400, 'The request cannot be understood.'],
}

const UNAVAILABLE_AFTER_SECONDS = 5

/** SQLSTATE classes and codes of a database that is away: connection lost, too many connections, shutting down, starting up. */
const isSqlUnavailable = (code: string): boolean => code.startsWith('08') || /^(53300|57P0[1-3])$/.test(code)
/** SQLSTATE of text that PostgreSQL cannot keep: routes refuse it by their schemas; this is for what one forgot. */
const NOT_STORABLE = '22021'
const SOCKET_LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])
// pg has no codes for these (pg 8 lib/client.js, pg-pool index.js).
const PG_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after|Query read timeout)/

/** Whether the error says that the database cannot be reached now, as opposed to having refused the statement. */
function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AppError) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return isSqlUnavailable(code) || SOCKET_LOST.has(code) || PG_LOST.test(error.message)
}

/** Any thrown thing as the error that the caller may see. What it hides stays in `cause`. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error.status < 500 || error.status === 503 ? error : hidden(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const known = BY_FASTIFY_CODE[code]
  if (known) return new AppError(...known, { cause: error })
  const away: ErrorDetails = { cause: error, retryAfterSeconds: UNAVAILABLE_AFTER_SECONDS }
  if (isDatabaseAway(error))
    return new AppError('unavailable', 503, 'Purser cannot reach its database: try again soon.', away)
  if (code === NOT_STORABLE)
    return new AppError('validation-failed', 422, 'A text in the request cannot be kept: send no null characters.', {
      cause: error,
    })
  if (code.startsWith('FST_ERR_CTP'))
    return new AppError('bad-request', 400, 'The body cannot be read: send it again.', { cause: error })
  return hidden(error)
}

const hidden = (cause: unknown): AppError =>
  new AppError('internal', 500, 'Something went wrong on our side. Give the request id to support.', { cause })
