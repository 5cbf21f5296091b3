import { parse as parseForm } from 'node:querystring'
import type { FastifyBodyParser, FastifyRequest, RouteOptions } from 'fastify'
import { AppError } from '../../base/errors.ts'
import type { HttpServer } from './types.ts'

const FORM_FIELDS = 200

/**
 * Reads bodies: JSON everywhere, forms where a route takes them, bytes as they came where it asks for them. Nothing else is read, so
 * that a browser cannot be made to post to the API from a foreign page.
 */
export function addBodyParsers(app: HttpServer): void {
  app.decorateRequest('rawBody')
  app.decorateRequest('bodyKind', 'json')
  app.addHook('onRoute', chooseKind)
  app.removeAllContentTypeParsers()
  const parseJson = app.getDefaultJsonParser('error', 'error')
  const json: FastifyBodyParser<Buffer> = (request, body, done) => {
    if (request.bodyKind === 'raw') keepRaw(request, body, done)
    // An empty body is left to the schema, which knows whether one is needed.
    else if (body.length === 0) done(null, undefined)
    else void parseJson(request, body.toString(), done)
  }
  const form: FastifyBodyParser<Buffer> = (request, body, done) => {
    if (request.bodyKind === 'raw') keepRaw(request, body, done)
    else if (request.bodyKind === 'form')
      done(null, { ...parseForm(body.toString(), '&', '=', { maxKeys: FORM_FIELDS }) })
    else refuse(request, done)
  }
  const other: FastifyBodyParser<Buffer> = (request, body, done) => {
    if (request.bodyKind === 'raw') keepRaw(request, body, done)
    // Clients set odd types on requests without a body.
    else if (body.length === 0) done(null, undefined)
    else refuse(request, done)
  }
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, json)
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, form)
  app.addContentTypeParser('*', { parseAs: 'buffer' }, other)
}

type Done = (error: Error | null, body?: unknown) => void

function keepRaw(request: FastifyRequest, body: Buffer, done: Done): void {
  request.rawBody = body
  done(null, undefined)
}

function refuse(request: FastifyRequest, done: Done): void {
  if (request.is404) return done(null, undefined)
  const message = 'Send the body as JSON, with Content-Type: application/json.'
  done(new AppError('unsupported-media-type', 415, message))
}

function chooseKind(route: RouteOptions): void {
  const kind = route.config?.rawBody ? 'raw' : route.config?.form ? 'form' : undefined
  if (!kind) return
  const given = route.onRequest === undefined ? [] : [route.onRequest].flat()
  const choose = (request: FastifyRequest, _: unknown, done: () => void): void => {
    request.bodyKind = kind
    // Without a body no parser runs; a webhook then has an empty one.
    if (kind === 'raw') request.rawBody = NOTHING
    done()
  }
  route.onRequest = [choose, ...given]
}

const NOTHING = Buffer.alloc(0)
