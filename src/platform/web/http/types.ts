import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { AppError } from '../../base/errors.ts'

/** Fastify with zod schemas as types: `app.post('/x', { schema: { body, response: { 201: X } } }, handler)`. */
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

/** An error response of a route, for its documentation. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly param?: string | undefined
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For webhooks. `request.rawBody` holds the unparsed body of any content type. */
    rawBody?: boolean
    /** Accepts form posts (application/x-www-form-urlencoded) in addition to JSON. Repeated fields become lists. */
    form?: boolean
    /** The route returns an HTML page and gets the headers of pages. An object adds sources to its content security policy. */
    page?: boolean | PagePolicy
    /** Renders HTML instead of the JSON error. Undefined keeps the JSON. The status of the error stays. */
    errorPage?: (error: AppError, request: Request) => string | undefined
    /** Documents the Idempotency-Key header. The handler reads it with `idempotencyKeyOf`. */
    idempotent?: boolean
    /** Documents the error responses of the route, each with an example. */
    refusals?: readonly Refusal[]
    /** A typical request body, for the documentation. */
    exampleBody?: object
  }
  interface FastifyRequest {
    /** The unparsed body. Only on routes with `config: { rawBody: true }`. */
    rawBody: Buffer
    /** How to parse the body. The route sets it before parsing. */
    bodyKind: 'json' | 'form' | 'raw'
  }
  interface FastifyInstance {
    /** Aborts when the server starts to drain. Streams must end then; other requests complete. */
    readonly closing: AbortSignal
    /** Starts the drain before `close()` and waits for it. */
    drain(deadlineMs: number): Promise<void>
  }
}
