import { parse as parseForm } from 'node:querystring'
import type { FastifyBodyParser, FastifyRequest, RouteOptions } from 'fastify'
import { AppError } from '../../base/errors.ts'
import type { HttpServer } from './types.ts'

const FORM_FIELDS = 200

/**
 * Adds the body parsers: JSON on all routes, forms and raw bytes on routes that declare them. Other content types are refused, so that a
 * page of another origin cannot make a browser post to the API.
 */
export function addBodyParsers(app: HttpServer): void {
  app.decorateRequest('rawBody')
  app.decorateRequest('bodyKind', 'json')
  app.addHook('onRoute', chooseBodyKind)
  app.removeAllContentTypeParsers()
  const parseJson = app.getDefaultJsonParser('error', 'error')
  const json: FastifyBodyParser<Buffer> = (request, body, done) => {
    if (request.bodyKind === 'raw') keepRaw(request, body, done)
    // Accept an empty body here: the schema decides whether a body is required.
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
    // Some clients set a content type on requests without a body.
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

function chooseBodyKind(route: RouteOptions): void {
  const kind = route.config?.rawBody ? 'raw' : route.config?.form ? 'form' : undefined
  if (!kind) return
  const given = route.onRequest === undefined ? [] : [route.onRequest].flat()
  const choose = (request: FastifyRequest, _: unknown, done: () => void): void => {
    request.bodyKind = kind
    // Without a body no parser runs, so set an empty body for webhooks here.
    if (kind === 'raw') request.rawBody = EMPTY_BODY
    done()
  }
  route.onRequest = [choose, ...given]
}

const EMPTY_BODY = Buffer.alloc(0)
