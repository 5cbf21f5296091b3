import { AppError } from '../../base/errors.ts'

/** Headers that may be logged. All others are omitted. */
const HEADERS = new Set([
  'accept',
  'accept-language',
  'content-length',
  'content-type',
  'host',
  'idempotent-replayed',
  'origin',
  'retry-after',
  'user-agent',
  'x-forwarded-for',
  'x-request-id',
])

type LogFields = Record<string, unknown>

function serializeHeaders(headers: unknown): LogFields {
  if (typeof headers !== 'object' || headers === null) return {}
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HEADERS.has(name.toLowerCase())))
}

/** Returns name, code, message and stack of an error and of up to four causes. Omits other properties, such as query parameters. */
function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' && error !== null ? '[object]' : error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: error.name,
    ...(code !== undefined && { code }),
    ...(error instanceof AppError && { status: error.status }),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && depth < 4 && { cause: serializeError(error.cause, depth + 1) }),
    ...(error instanceof AggregateError &&
      depth < 4 && { errors: error.errors.slice(0, 5).map((one) => serializeError(one, depth + 1)) }),
  }
}

/** Returns the loggable fields of a request or response: id, method, status and allowed headers. Never the path, which may hold tokens. */
function serializeMessage(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, method, statusCode, headers } = value as LogFields
  return { id, method, statusCode, headers: serializeHeaders(headers) }
}

export const serializers = {
  error: (value: unknown) => serializeError(value),
  err: (value: unknown) => serializeError(value),
  headers: serializeHeaders,
  req: serializeMessage,
  request: serializeMessage,
  res: serializeMessage,
  response: serializeMessage,
}
