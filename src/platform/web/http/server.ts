import fastify, { type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { addBodyParsers } from './bodies.ts'
import { addDocs } from './docs.ts'
import { createDrain, drainOnClose } from './drain.ts'
import { addFailures, earlyFailures, type FailureDeps } from './failures.ts'
import { apiHeaders, beginWith, pageHeaders } from './headers.ts'
import { addOpenApi } from './openapi.ts'
import { createRequestIds, createRequestLog } from './requests.ts'
import type { HttpServer } from './types.ts'
import { checkingSerializer, plainSerializer, validatorCompiler } from './validate.ts'

export interface HttpOptions {
  log: Log
  metrics: Metrics
  version: string
  /** What our URLs start with, without a slash at the end. A function when the port is known only later. */
  publicUrl: string | (() => string)
  /** Whose X-Forwarded-For is believed; nobody's by default. */
  trustProxy?: boolean | number | string[]
  /** Bytes of a body at most; 64 kB by default. A route may set its own `bodyLimit`. */
  bodyLimit?: number
  /** Checks every answer against its schema and fails on a mismatch. For tests and development; off by default. */
  checkResponses?: boolean
  /** How long `close()` waits for answers under way; 10 s by default. */
  drainMs?: number
  /** How long an idle connection is kept while draining, in case a request is on its way on it; 500 ms by default, 0 in tests. */
  idleGraceMs?: number
}

const BODY_LIMIT = 64 * 1024
const DRAIN_MS = 10_000
const QUIET_MS = 500
/** Longer than the 60 s of usual proxies, so that they close idle connections and not we under their hands. */
const KEEP_ALIVE_MS = 65_000
/** For the head and the body of a request to arrive. */
const REQUEST_MS = 30_000
/** Of one path parameter: a callback's token is an id and a MAC, some 95 characters. */
const PARAM_LENGTH = 200

/**
 * The web server. Add routes and plugins, then `listen`. `close()` drains: answers under way are sent, streams are told by
 * `app.closing`, new connections are refused.
 */
export async function createHttp(options: HttpOptions): Promise<HttpServer> {
  const { log, metrics, publicUrl, trustProxy = false } = options
  const https = typeof publicUrl === 'string' && publicUrl.startsWith('https:')
  const recordAs = createRequestLog(log, metrics)
  const closing = new AbortController()
  const failures: FailureDeps = {
    log,
    docsUrl: () => `${typeof publicUrl === 'string' ? publicUrl : publicUrl()}/docs`,
    begin: beginWith(apiHeaders(https), closing.signal),
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
    // A request that reaches us while we drain is answered, not refused.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAM_LENGTH },
    ...earlyFailures(failures),
  }).withTypeProvider<ZodTypeProvider>()
  const drain = createDrain(app, closing, options.idleGraceMs ?? QUIET_MS)
  app.decorate('closing', closing.signal)
  app.decorate('drain', drain.run)
  drainOnClose(app, drain, options.drainMs ?? DRAIN_MS)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(options.checkResponses ? checkingSerializer : plainSerializer)
  addFailures(app, failures)
  addBodyParsers(app)
  app.addHook('onRoute', (route) => addRouteHooks(route, https, recordAs, closing.signal))
  await addOpenApi(app, options.version)
  addDocs(app)
  return app
}

/** What every answer of a route carries and leaves behind. Worked out per route, so that a request only copies it. */
function addRouteHooks(
  route: RouteOptions,
  https: boolean,
  recordAs: ReturnType<typeof createRequestLog>,
  closing: AbortSignal,
): void {
  const { page } = route.config ?? {}
  const headers = page ? pageHeaders(https, page === true ? undefined : page) : apiHeaders(https)
  const record = recordAs(route.url)
  const put = beginWith(headers, closing)
  const begin = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    put(request, reply)
    done()
  }
  const end = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    record(request, reply)
    done()
  }
  route.onRequest = [begin, ...[route.onRequest ?? []].flat()]
  route.onResponse = [...[route.onResponse ?? []].flat(), end]
}
