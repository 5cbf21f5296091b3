import fastify, { type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { addBodyParsers } from './bodies.ts'
import { addCors } from './cors.ts'
import { addDocs } from './docs.ts'
import { createDrain, drainOnClose } from './drain.ts'
import { addErrorHandlers, createEarlyErrorHandlers, type FailureDeps } from './failures.ts'
import { apiHeaders, createSetHeaders, pageHeaders } from './headers.ts'
import { addOpenApi } from './openapi.ts'
import { createRequestIds, createRequestLog } from './requests.ts'
import type { HttpServer } from './types.ts'
import { checkingSerializer, plainSerializer, validatorCompiler } from './validate.ts'

export interface HttpOptions {
  log: Log
  metrics: Metrics
  version: string
  /** Base URL of Purser without a trailing slash. A function when the port is known only after the start. */
  publicUrl: string | (() => string)
  /** Proxies whose X-Forwarded-For is trusted. Default: none. */
  trustProxy?: boolean | number | string[]
  /** Maximum size of a body. Default: 64 kB. A route may set its own `bodyLimit`. */
  bodyLimit?: number
  /** Validates every response against its schema and fails on a mismatch. For tests and development. Default: false. */
  checkResponses?: boolean
  /** Time that `close()` waits for requests in flight. Default: 10 s. */
  drainMs?: number
  /** Time that `close()` keeps the listener open while every response says `Connection: close`. Default: 0. */
  drainDelayMs?: number
  /** Time without a received byte after which a drain cuts idle connections. Default: 500 ms; tests use 0. */
  idleGraceMs?: number
  /** Origins whose pages may call the API. Default: none. */
  corsOrigins?: readonly string[]
}

const BODY_LIMIT = 64 * 1024
const DRAIN_MS = 10_000
const IDLE_GRACE_MS = 500
/** Longer than the usual 60 s of proxies, so that the proxy closes idle connections and never sends on one that this server closes. */
const KEEP_ALIVE_MS = 65_000
/** Time for head and body of a request to arrive. */
const REQUEST_MS = 30_000
/** Maximum length of a path parameter. Callback tokens are about 95 characters (id + MAC). */
const MAX_PARAM_LENGTH = 200

/**
 * Creates the web server. Add routes and plugins, then call `listen`. `close()` drains: requests in flight complete, streams get the
 * signal `app.closing`, and new connections are refused. With `drainDelayMs` the listener first stays open for that time.
 */
export async function createHttp(options: HttpOptions): Promise<HttpServer> {
  const { log, metrics, publicUrl, trustProxy = false } = options
  const https = typeof publicUrl === 'string' && publicUrl.startsWith('https:')
  const recordAs = createRequestLog(log, metrics)
  const leaving = new AbortController()
  const closing = new AbortController()
  const failures: FailureDeps = {
    log,
    docsUrl: () => `${typeof publicUrl === 'string' ? publicUrl : publicUrl()}/docs`,
    setHeaders: createSetHeaders(apiHeaders(https), leaving.signal),
    requestIds: createRequestIds(),
    record: recordAs('(none)'),
  }
  const app: HttpServer = fastify({
    logger: false,
    genReqId: failures.requestIds,
    requestIdHeader: false,
    bodyLimit: options.bodyLimit ?? BODY_LIMIT,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    trustProxy: typeof trustProxy === 'number' ? (_, hop) => hop < trustProxy : trustProxy,
    // Requests that arrive during the drain are handled, not refused.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    ...createEarlyErrorHandlers(failures),
  }).withTypeProvider<ZodTypeProvider>()
  const { drainDelayMs: delayMs = 0, idleGraceMs = IDLE_GRACE_MS } = options
  const drain = createDrain(app, { leaving, closing, delayMs, idleGraceMs })
  app.decorate('closing', closing.signal)
  app.decorate('drain', drain.run)
  drainOnClose(app, drain, options.drainMs ?? DRAIN_MS)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(options.checkResponses ? checkingSerializer : plainSerializer)
  addCors(app, options.corsOrigins ?? [], failures.setHeaders)
  addErrorHandlers(app, failures)
  addBodyParsers(app)
  app.addHook('onRoute', (route) => addRouteHooks(route, https, recordAs, leaving.signal))
  await addOpenApi(app, options.version)
  addDocs(app)
  return app
}

/** Adds the hooks that set headers and record the request. Computes the headers once per route, so that a request only copies them. */
function addRouteHooks(
  route: RouteOptions,
  https: boolean,
  recordAs: ReturnType<typeof createRequestLog>,
  leaving: AbortSignal,
): void {
  const { page } = route.config ?? {}
  const headers = page ? pageHeaders(https, page === true ? undefined : page) : apiHeaders(https)
  const record = recordAs(route.url)
  const setHeaders = createSetHeaders(headers, leaving)
  const begin = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    setHeaders(request, reply)
    done()
  }
  const end = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    record(request, reply)
    done()
  }
  route.onRequest = [begin, ...[route.onRequest ?? []].flat()]
  route.onResponse = [...[route.onResponse ?? []].flat(), end]
}
