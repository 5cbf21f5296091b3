import { waitMs } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { HttpServer, Reply, Request } from '#platform/web/http'
import type { FaultKind } from './kinds.ts'
import { takeFault, type Fault } from './store.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The simulated provider whose planned faults the route's answers have. */
    provider?: string
  }
  interface FastifyRequest {
    /** What this answer is to be like, where a fault was planned. */
    fault: Fault | undefined
  }
}

const RETRY_AFTER_SECONDS = 180
const HUGE_BYTES = 10 * 1024 * 1024

/** From here on routes with `config: { provider }` misbehave as planned. */
export function addAnswerFaults(app: HttpServer, { db }: { db: Db }): void {
  app.decorateRequest('fault', undefined)
  app.addHook('onRoute', (route) => {
    const provider = route.config?.provider
    if (provider === undefined) return
    const before = async (request: Request, reply: Reply): Promise<unknown> => {
      request.fault = await takeFault(db, provider, 'answer')
      return request.fault && REFUSALS[request.fault.kind]?.(request, reply)
    }
    const after = async (request: Request, reply: Reply, payload: unknown): Promise<unknown> => {
      const { fault } = request
      const spoil = fault && SPOILS[fault.kind]
      return spoil && typeof payload === 'string' ? spoil({ fault, request, reply, payload }) : payload
    }
    route.onRequest = [...[route.onRequest ?? []].flat(), before]
    route.onSend = [...[route.onSend ?? []].flat(), after]
  })
}

/** Of a provider that does nothing. */
const REFUSALS: Readonly<Partial<Record<FaultKind, (request: Request, reply: Reply) => Reply>>> = {
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

interface Spoiled {
  readonly fault: Fault
  readonly request: Request
  readonly reply: Reply
  readonly payload: string
}

/** Of the answer, after what was asked for is done. */
const SPOILS: Readonly<Partial<Record<FaultKind, (answer: Spoiled) => string | Promise<string>>>> = {
  slow: async ({ fault, request, payload }) => {
    const left = new AbortController()
    request.raw.socket.once('close', () => left.abort())
    await waitMs(fault.delayMs, left.signal)
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
  'wrong-types': ({ payload }) => JSON.stringify(wrapped(JSON.parse(payload))),
  huge: () => `{"data": "${'x'.repeat(HUGE_BYTES)}"}`,
}

/** Every value in a list: no text, number or truth is where it belongs. */
function wrapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wrapped)
  if (typeof value !== 'object' || value === null) return [value]
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, wrapped(inner)]))
}
