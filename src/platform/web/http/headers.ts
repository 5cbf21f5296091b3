import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import helmet from 'helmet'
import type { PagePolicy } from './types.ts'

export type Headers = Readonly<Record<string, string>>

/** Puts on an answer what it carries whatever becomes of the request. */
export type Begin = (request: FastifyRequest, reply: FastifyReply) => void

export const beginWith =
  (headers: Headers, closing: AbortSignal): Begin =>
  (request, reply) => {
    reply.headers(headers).header('x-request-id', request.id)
    if (closing.aborted) void reply.header('connection', 'close')
  }

/**
 * Pages load scripts and styles from this origin only and are never framed. A page that sends a form on to another origin has to
 * name it, since browsers apply form-action to redirects too.
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

/** Headers of an API answer: nothing in it is ever a page, and it is no one else's to keep. */
export const apiHeaders = (https: boolean): Headers => ({
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  ...(https ? { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } : {}),
})

/**
 * Headers of a page, worked out once per route: helmet called on each request costs more than the rest of the server
 * (@fastify/helmet 13 builds its options anew each time).
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
  // helmet only sets and removes headers; it reads nothing of the request.
  apply(
    {} as IncomingMessage,
    { setHeader, removeHeader: () => undefined } as unknown as ServerResponse,
    () => undefined,
  )
  return headers
}

/** `'none'` stands alone or not at all. */
const isNotNone = (source: string, _: number, all: readonly string[]): boolean =>
  source !== "'none'" || all.length === 1
