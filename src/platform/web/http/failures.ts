import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, describeError } from '../../base/errors.ts'
import type { Log } from '../../observe/log.ts'
import { errorBody, toAppError } from './errors.ts'
import type { SetHeaders } from './headers.ts'
import type { RecordAnswer } from './requests.ts'
import type { HttpServer } from './types.ts'
import { noSuchPath } from './validate.ts'

export interface FailureDeps {
  log: Log
  docsUrl(): string
  /** Sets the headers of an API response. */
  setHeaders: SetHeaders
  requestIds(request: Pick<IncomingMessage, 'headers'>): string
  /** Records requests that no route handled. */
  record: RecordAnswer
}

/** Adds the error handlers. They send every thrown error in one shape, without internal details. */
export function addErrorHandlers(app: HttpServer, deps: FailureDeps): void {
  const allowed = listMethods(app)
  app.setErrorHandler((thrown, request, reply) => {
    const error = toAppError(thrown)
    if (error.status >= 500) logFailure(deps.log, error, request)
    return sendError(error, request, reply, deps)
  })
  app.setNotFoundHandler((request, reply) => {
    reply.raw.once('finish', () => deps.record(request, reply))
    deps.setHeaders(request, reply)
    const methods = allowed(request.url)
    if (methods.length === 0) return sendError(noSuchPath(), request, reply, deps)
    void reply.header('allow', methods.join(', '))
    const wrong = new AppError(
      'method-not-allowed',
      405,
      `This path does not accept ${request.method}. Use ${methods.join(', ')}.`,
    )
    return sendError(wrong, request, reply, deps)
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

function sendError(error: AppError, request: FastifyRequest, reply: FastifyReply, deps: FailureDeps): FastifyReply {
  void reply.code(error.status)
  if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', String(error.retryAfterSeconds))
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer')
  if ('replayed' in error) void reply.header('idempotent-replayed', 'true')
  const page = renderErrorPage(error, request, deps.log)
  if (page !== undefined) return reply.type('text/html; charset=utf-8').send(page)
  const body = JSON.stringify(errorBody(error, request.id, deps.docsUrl()))
  return reply.type('application/json; charset=utf-8').serializer(keepText).send(body)
}

const keepText = (text: unknown): string => String(text)

function renderErrorPage(error: AppError, request: FastifyRequest, log: Log): string | undefined {
  const { errorPage } = request.routeOptions.config
  if (!errorPage || !request.headers.accept?.includes('text/html')) return undefined
  try {
    return errorPage(error, request)
  } catch (failure) {
    log.error({ requestId: request.id, error: describeError(failure) }, 'error page failed')
    return undefined
  }
}

/** Returns a function that lists the methods of all routes at a path. It scans all routes, so it is only for unmatched requests. */
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

/** Returns the Fastify handlers for errors before routing: malformed HTTP, slow headers, a path that cannot be decoded. */
export function createEarlyErrorHandlers(deps: FailureDeps) {
  return {
    clientErrorHandler: (error: Error & { code?: string }, socket: Socket): void => refuseSocket(error, socket, deps),
    frameworkErrors: (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
      reply.raw.once('finish', () => deps.record(request, reply))
      deps.setHeaders(request, reply)
      void sendError(toAppError(thrown), request, reply, deps)
    },
  }
}

const SOCKET_RESPONSES: Readonly<
  Record<string, readonly [status: number, title: string, code: string, message: string]>
> = {
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'Request Timeout',
    'request-timeout',
    'The request did not arrive within the time limit. Send it again.',
  ],
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    'headers-too-large',
    'The headers are too large. Send fewer or shorter headers.',
  ],
}
const MALFORMED = [400, 'Bad Request', 'bad-request', 'This is not a valid HTTP request.'] as const

function refuseSocket(error: Error & { code?: string }, socket: Socket, deps: FailureDeps): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) return void socket.destroy()
  const [status, title, code, message] = SOCKET_RESPONSES[error.code ?? ''] ?? MALFORMED
  const requestId = deps.requestIds({ headers: {} })
  const body = JSON.stringify(errorBody(new AppError(code, status, message), requestId, deps.docsUrl()))
  const head = `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n`
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  deps.log.info({ status, code: error.code, requestId }, 'request malformed')
}
