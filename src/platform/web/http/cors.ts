import type { FastifyReply, FastifyRequest } from 'fastify'
import type { SetHeaders } from './headers.ts'
import type { HttpServer } from './types.ts'

/** Paths that pages of other origins may call: the merchant API and its description. */
const OPEN_PATHS = /^\/(api\/v1\/|openapi\.json(\?|$))/
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const REQUEST_HEADERS = 'Authorization, Content-Type, Idempotency-Key, X-Request-Id'
/** Response headers that a page may read, besides the few that browsers always show. */
const RESPONSE_HEADERS = [
  'Content-Disposition, Idempotent-Replayed, Location, Retry-After, X-Request-Id',
  'RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset',
].join(', ')
/** Time that a browser caches the answer to a preflight. Chromium caps it at two hours. */
const PREFLIGHT_SECONDS = 7200

/**
 * Lets pages of these exact origins call the API (Fetch standard, section "CORS protocol"). It never allows credentials: the API is
 * authorized by a key in a header, and a cookie of another origin must not count. Without origins, responses carry no CORS header.
 */
export function addCors(app: HttpServer, origins: readonly string[], setHeaders: SetHeaders): void {
  if (origins.length === 0) return
  const allowed = new Set(origins)
  // A root hook also runs for requests without a route, such as every preflight.
  app.addHook('onRequest', (request, reply, done) => {
    if (!OPEN_PATHS.test(request.url)) return done()
    // A cache must not give the response for one origin to another.
    void reply.header('vary', 'Origin')
    const { origin } = request.headers
    if (origin === undefined || !allowed.has(origin)) return done()
    void reply.header('access-control-allow-origin', origin)
    if (isPreflight(request)) {
      setHeaders(request, reply)
      return void answerPreflight(reply)
    }
    void reply.header('access-control-expose-headers', RESPONSE_HEADERS)
    done()
  })
}

const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined

const answerPreflight = (reply: FastifyReply): FastifyReply =>
  reply
    .code(204)
    .header('access-control-allow-methods', METHODS)
    .header('access-control-allow-headers', REQUEST_HEADERS)
    .header('access-control-max-age', String(PREFLIGHT_SECONDS))
    .send()
