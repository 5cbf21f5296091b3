import { AppError } from '../../base/errors.ts'

/** Headers that may be logged; any other is left out. */
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

type Logged = Record<string, unknown>

function loggedHeaders(headers: unknown): Logged {
  if (typeof headers !== 'object' || headers === null) return {}
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HEADERS.has(name.toLowerCase())))
}

/** Name, code, message and stack of an error, and of what caused it, four deep. Other properties (such as a query's parameters) stay out. */
function loggedError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' && error !== null ? '[object]' : error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: error.name,
    ...(code !== undefined && { code }),
    ...(error instanceof AppError && { status: error.status }),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && depth < 4 && { cause: loggedError(error.cause, depth + 1) }),
    ...(error instanceof AggregateError &&
      depth < 4 && { errors: error.errors.slice(0, 5).map((one) => loggedError(one, depth + 1)) }),
  }
}

/** A request or an answer as it may be logged: the route, never the path with what is in it. */
function loggedMessage(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, method, statusCode, headers } = value as Logged
  return { id, method, statusCode, headers: loggedHeaders(headers) }
}

export const serializers = {
  error: (value: unknown) => loggedError(value),
  err: (value: unknown) => loggedError(value),
  headers: loggedHeaders,
  req: loggedMessage,
  request: loggedMessage,
  res: loggedMessage,
  response: loggedMessage,
}
