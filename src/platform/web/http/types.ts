import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { AppError } from '../../base/errors.ts'

/** The web server with zod schemas as its types: `app.post('/x', { schema: { body, response: { 201: X } } }, handler)`. */
export type HttpServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>

export type Request = FastifyRequest
export type Reply = FastifyReply

/** Sources added to the content security policy of a page: `{ 'form-action': ['https://pay.example'] }`. */
export type PagePolicy = Readonly<Record<string, readonly string[]>>

/** An error answer that a route may give, for its documentation. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly param?: string | undefined
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Webhooks: `request.rawBody` holds the body as it came, whatever its type, and nothing is parsed. */
    rawBody?: boolean
    /** Takes form posts (application/x-www-form-urlencoded) as well as JSON. Fields sent twice become lists. */
    form?: boolean
    /** An HTML page: gets the headers of a page. An object widens its content security policy. */
    page?: boolean | PagePolicy
    /** HTML to show instead of the JSON error; undefined leaves the JSON. The status stays that of the error. */
    errorPage?: (error: AppError, request: Request) => string | undefined
    /** Documents the Idempotency-Key header. The handler reads it with `idempotencyKeyOf`. */
    idempotent?: boolean
    /** Documents the error answers of the route, each with an example. */
    refusals?: readonly Refusal[]
    /** A body such as most callers send, for the documentation. */
    exampleBody?: object
  }
  interface FastifyRequest {
    /** The body as it came. Only on routes with `config: { rawBody: true }`. */
    rawBody: Buffer
    /** How the body is read: decided by the route before it is. */
    bodyKind: 'json' | 'form' | 'raw'
  }
  interface FastifyInstance {
    /** Fires when the server begins to drain. Streams end then; other requests are answered. */
    readonly closing: AbortSignal
    /** Begins the drain early and waits for it: `close()` does the same. */
    drain(deadlineMs: number): Promise<void>
  }
}
