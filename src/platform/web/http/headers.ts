import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import helmet from 'helmet'
import type { PagePolicy } from './types.ts'

export type Headers = Readonly<Record<string, string>>

/** Sets the headers that every response carries, before the request is handled. */
export type SetHeaders = (request: FastifyRequest, reply: FastifyReply) => void

/** Creates a function that sets these headers and the request id. After `leaving` it also sets `Connection: close`. */
export const createSetHeaders =
  (headers: Headers, leaving: AbortSignal): SetHeaders =>
  (request, reply) => {
    reply.headers(headers).header('x-request-id', request.id)
    if (leaving.aborted) void reply.header('connection', 'close')
  }

/**
 * Content security policy of pages. Scripts and styles load from this origin only, and no site may frame a page. A page whose form leads
 * to another origin must list it, because browsers apply form-action to redirects too.
 */
const PAGE_POLICY: PagePolicy = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'"],
  'connect-src': ["'self'"],
  'form-action': ["'self'"],
  'base-uri': ["'none'"],
  'frame-ancestors': ["'none'"],
}

/** Returns the headers of API responses. They forbid rendering as a page and caching. */
export const apiHeaders = (https: boolean): Headers => ({
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  ...(https ? { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } : {}),
})

/**
 * Computes the headers of a page once per route. Calling helmet on each request would cost more than the rest of the server
 * (@fastify/helmet 13 rebuilds its options each time).
 */
export function pageHeaders(https: boolean, extra: PagePolicy | undefined): Headers {
  const names = [...new Set([...Object.keys(PAGE_POLICY), ...Object.keys(extra ?? {})])]
  const directives = Object.fromEntries(
    names.map((name) => [name, [...(PAGE_POLICY[name] ?? []), ...(extra?.[name] ?? [])].filter(isNotNone)]),
  )
  const headers: Record<string, string> = { 'cache-control': 'no-store' }
  const setHeader = (name: string, value: string): void => void (headers[name.toLowerCase()] = value)
  const apply = helmet({
    contentSecurityPolicy: { useDefaults: false, directives },
    strictTransportSecurity: https,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  })
  // Pass empty objects: helmet only sets and removes headers and does not read the request.
  apply(
    {} as IncomingMessage,
    { setHeader, removeHeader: () => undefined } as unknown as ServerResponse,
    () => undefined,
  )
  return headers
}

/** Filters `'none'` from lists with other sources. CSP allows `'none'` only as the single source. */
const isNotNone = (source: string, _: number, all: readonly string[]): boolean =>
  source !== "'none'" || all.length === 1
