import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'

const GIVEN_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{7,63}$/

/** Ids of requests: an unguessable start, then a count. A caller's own X-Request-Id is kept when it is harmless in logs and headers. */
export function createRequestIds(): (request: Pick<IncomingMessage, 'headers'>) => string {
  const start = `req_${randomBytes(6).toString('base64url').replace(/[-_]/g, '0')}`
  let count = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    if (typeof given === 'string' && GIVEN_ID.test(given)) return given
    return start + (++count).toString(36).padStart(4, '0')
  }
}

/** Records an answered request. */
export type RecordAnswer = (request: FastifyRequest, reply: FastifyReply) => void

/**
 * One line and one figure per answered request. Of the URL only the route's pattern is kept: paths hold tokens, queries hold secrets.
 * @returns what makes the recorder of one route: a route knows its pattern, so nothing is looked up per request
 */
export function createRequestLog(log: Log, metrics: Metrics): (route: string) => RecordAnswer {
  const histogram = metrics.histogram(
    'http_request_duration_seconds',
    'Time from the head of a request to the end of its answer',
    ['route', 'method', 'status'],
  )
  type Series = ReturnType<typeof histogram.labels>
  return (route) => {
    const series = new Map<string, Series[]>()
    // What the program asks of its own simulators, several times a minute, would hide what matters.
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
