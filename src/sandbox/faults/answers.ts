import { waitMs } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import type { FaultKind } from './kinds.ts'
import { takeFault, type Fault } from './store.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Simulated provider whose planned faults apply to the route's responses. */
    provider?: string
  }
  interface FastifyRequest {
    /** Planned fault of this response. */
    fault: Fault | undefined
  }
}

const RETRY_AFTER_SECONDS = 180
const HUGE_BYTES = 10 * 1024 * 1024

/** Makes routes that are registered from now on with `config: { provider }` fail as planned. */
export function addAnswerFaults(app: HttpServer, { db }: { db: Db }): void {
  app.decorateRequest('fault', undefined)
  app.addHook('onRoute', (route) => {
    const provider = route.config?.provider
    if (provider === undefined) return
    const before = async (request: Request, reply: Reply): Promise<unknown> => {
      request.fault = await takeFault(db, provider, 'answer')
      return request.fault && RESPONSES_WITHOUT_ACTING[request.fault.kind]?.(request, reply)
    }
    const after = async (request: Request, reply: Reply, payload: unknown): Promise<unknown> => {
      const { fault } = request
      const spoil = fault && SPOILERS[fault.kind]
      return spoil && typeof payload === 'string' ? spoil({ fault, request, reply, payload }) : payload
    }
    route.onRequest = [...[route.onRequest ?? []].flat(), before]
    route.onSend = [...[route.onSend ?? []].flat(), after]
  })
}

/** Faults where the provider does not act on the request. */
const RESPONSES_WITHOUT_ACTING: Readonly<Partial<Record<FaultKind, (request: Request, reply: Reply) => Reply>>> = {
  down: (request, reply) => {
    void reply.hijack()
    request.raw.socket.destroy()
    return reply
  },
  '429': (_, reply) =>
    reply
      .status(429)
      .header('retry-after', RETRY_AFTER_SECONDS)
      .send({ error: { message: 'Too many requests', type: 'invalid_request_error', code: 'rate_limit' } }),
  '500': (_, reply) => reply.status(500).send(BROKEN),
}

const BROKEN = { error: { message: 'Internal Server Error', type: 'api_error' } }

interface ResponseToSpoil {
  readonly fault: Fault
  readonly request: Request
  readonly reply: Reply
  readonly payload: string
}

/** Faults that spoil the response after the provider acted on the request. */
const SPOILERS: Readonly<Partial<Record<FaultKind, (answer: ResponseToSpoil) => string | Promise<string>>>> = {
  slow: async ({ fault, request, payload }) => {
    const closed = new AbortController()
    request.raw.socket.once('close', () => closed.abort())
    await waitMs(fault.delayMs, closed.signal)
    return payload
  },
  '500-after-acting': ({ reply }) => {
    void reply.status(500)
    return JSON.stringify(BROKEN)
  },
  cut: ({ request, payload }) => {
    request.raw.socket.destroy()
    return payload
  },
  'invalid-json': ({ payload }) => payload.slice(0, Math.ceil(payload.length / 2)),
  'wrong-types': ({ payload }) => JSON.stringify(wrapInLists(JSON.parse(payload))),
  huge: () => `{"data": "${'x'.repeat(HUGE_BYTES)}"}`,
}

/** Puts every value into a list, so that no field has its documented type. */
function wrapInLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wrapInLists)
  if (typeof value !== 'object' || value === null) return [value]
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, wrapInLists(inner)]))
}
