import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, describeError } from '../../base/errors.ts'
import type { Log } from '../../observe/log.ts'
import { errorBody, toAppError } from './errors.ts'
import type { Begin } from './headers.ts'
import type { RecordAnswer } from './requests.ts'
import type { HttpServer } from './types.ts'
import { noSuchPath } from './validate.ts'

export interface FailureDeps {
  log: Log
  docsUrl(): string
  /** Puts the headers of an API answer on it. */
  begin: Begin
  requestIds(request: Pick<IncomingMessage, 'headers'>): string
  /** Of requests that no route answered. */
  record: RecordAnswer
}

/** Answers whatever was thrown, in one shape, and says nothing of what lies behind it. */
export function addFailures(app: HttpServer, deps: FailureDeps): void {
  const allowed = listMethods(app)
  app.setErrorHandler((thrown, request, reply) => {
    const error = toAppError(thrown)
    if (error.status >= 500) logFailure(deps.log, error, request)
    return answer(error, request, reply, deps)
  })
  app.setNotFoundHandler((request, reply) => {
    reply.raw.once('finish', () => deps.record(request, reply))
    deps.begin(request, reply)
    const methods = allowed(request.url)
    if (methods.length === 0) return answer(noSuchPath(), request, reply, deps)
    void reply.header('allow', methods.join(', '))
    const wrong = new AppError(
      'method-not-allowed',
      405,
      `This address takes ${methods.join(', ')}, not ${request.method}.`,
    )
    return answer(wrong, request, reply, deps)
  })
}

function logFailure(log: Log, error: AppError, request: FastifyRequest): void {
  const { cause } = error
  const what = {
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url,
    error: describeError(cause ?? error),
  }
  if (error.status === 503) log.warn(what, 'request refused: unavailable')
  else log.error({ ...what, stack: cause instanceof Error ? cause.stack : error.stack }, 'request failed')
}

function answer(error: AppError, request: FastifyRequest, reply: FastifyReply, deps: FailureDeps): FastifyReply {
  void reply.code(error.status)
  if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', String(error.retryAfterSeconds))
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer')
  if ('replayed' in error) void reply.header('idempotent-replayed', 'true')
  const page = pageOf(error, request, deps.log)
  if (page !== undefined) return reply.type('text/html; charset=utf-8').send(page)
  const body = JSON.stringify(errorBody(error, request.id, deps.docsUrl()))
  return reply.type('application/json; charset=utf-8').serializer(asItIs).send(body)
}

const asItIs = (text: unknown): string => String(text)

function pageOf(error: AppError, request: FastifyRequest, log: Log): string | undefined {
  const { errorPage } = request.routeOptions.config
  if (!errorPage || !request.headers.accept?.includes('text/html')) return undefined
  try {
    return errorPage(error, request)
  } catch (failure) {
    log.error({ requestId: request.id, error: describeError(failure) }, 'error page failed')
    return undefined
  }
}

/** Which methods some route takes at a path. Reads all routes: only for paths that nothing answered. */
function listMethods(app: HttpServer): (url: string) => string[] {
  const routes: { pattern: RegExp; methods: string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    const source = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[A-Za-z0-9_]+/g, '[^/]+')
      .replaceAll('*', '.*')
    routes.push({ pattern: new RegExp(`^${source}$`), methods: [method].flat() })
  })
  return (url) => {
    const path = url.split('?', 1)[0] ?? ''
    const found = routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)
    return [...new Set(found)].toSorted()
  }
}

/** Answers to what never becomes a request: broken HTTP, slow heads, a path that cannot be decoded. */
export function earlyFailures(deps: FailureDeps) {
  return {
    clientErrorHandler: (error: Error & { code?: string }, socket: Socket): void => refuseSocket(error, socket, deps),
    frameworkErrors: (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
      reply.raw.once('finish', () => deps.record(request, reply))
      deps.begin(request, reply)
      void answer(toAppError(thrown), request, reply, deps)
    },
  }
}

const EARLY: Readonly<Record<string, readonly [status: number, title: string, code: string, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'Request Timeout',
    'request-timeout',
    'The request did not arrive in time: send it again.',
  ],
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    'headers-too-large',
    'The headers are too large: send fewer or shorter ones.',
  ],
}
const MALFORMED = [400, 'Bad Request', 'bad-request', 'This is not a valid HTTP request.'] as const

function refuseSocket(error: Error & { code?: string }, socket: Socket, deps: FailureDeps): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) return void socket.destroy()
  const [status, title, code, message] = EARLY[error.code ?? ''] ?? MALFORMED
  const requestId = deps.requestIds({ headers: {} })
  const body = JSON.stringify(errorBody(new AppError(code, status, message), requestId, deps.docsUrl()))
  const head = `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n`
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  deps.log.info({ status, code: error.code, requestId }, 'request malformed')
}
