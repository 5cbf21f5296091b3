import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'

const GIVEN_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{7,63}$/

/** Creates request ids: a random prefix and a counter. Keeps a caller's X-Request-Id when it is safe for logs and headers. */
export function createRequestIds(): (request: Pick<IncomingMessage, 'headers'>) => string {
  const prefix = `req_${randomBytes(6).toString('base64url').replace(/[-_]/g, '0')}`
  let count = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    if (typeof given === 'string' && GIVEN_ID.test(given)) return given
    return prefix + (++count).toString(36).padStart(4, '0')
  }
}

/** Records a completed request. */
export type RecordAnswer = (request: FastifyRequest, reply: FastifyReply) => void

/**
 * Logs and measures each completed request by the pattern of its route. Never logs the path or query, which may contain tokens and
 * secrets.
 * @returns a function that creates the recorder of one route, so that no lookup is needed per request
 */
export function createRequestLog(log: Log, metrics: Metrics): (route: string) => RecordAnswer {
  const histogram = metrics.histogram(
    'http_request_duration_seconds',
    'Time from the head of a request to the end of its response',
    ['route', 'method', 'status'],
  )
  type Series = ReturnType<typeof histogram.labels>
  return (route) => {
    const series = new Map<string, Series[]>()
    // Purser calls its own simulators several times a minute. Their lines would hide other requests, so log them at debug.
    const level = route.startsWith('/sandbox/') ? 'debug' : 'info'
    const seriesOf = (method: string, statusClass: number): Series => {
      const byClass = series.get(method) ?? []
      if (byClass.length === 0) series.set(method, byClass)
      return (byClass[statusClass] ??= histogram.labels(route, method, `${statusClass}xx`))
    }
    return (request, reply) => {
      const { method } = request
      const status = reply.statusCode
      const ms = reply.elapsedTime
      seriesOf(method, Math.trunc(status / 100)).observe(ms / 1000)
      log[level]({ method, route, status, ms: Math.round(ms * 10) / 10, requestId: request.id }, 'request')
    }
  }
}
