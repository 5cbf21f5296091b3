import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import fastify from 'fastify'
import { renderOpenApi } from './openapi.ts'
import type { HttpServer } from './types.ts'

/** Content security policy of the API reference. It sets inline styles at run time and must load nothing from other origins. */
const POLICY = { 'style-src': ["'unsafe-inline'"], 'font-src': ['data:'], 'img-src': ['blob:'] }

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Purser API</title>
    <link rel="icon" href="data:," />
  </head>
  <body>
    <noscript>This reference needs JavaScript. The OpenAPI file is at <a href="/openapi.json">/openapi.json</a></noscript>
    <div id="app"></div>
    <script src="/docs/reference.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`

/** Start script. Turns off everything that would call other servers: fonts, telemetry, the hosted client, its proxy and its assistant. */
const START = `Scalar.createApiReference('#app', {
  url: '/openapi.json',
  servers: [{ url: location.origin }],
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
})
`

/** Adds `/openapi.json` and the API reference at `/docs`, which loads nothing from other origins. */
export function addDocs(app: HttpServer): void {
  let document: string | undefined
  app.get('/openapi.json', { schema: { hide: true } }, (_, reply) => {
    document ??= renderOpenApi(app)
    return reply.type('application/json').header('cache-control', 'public, max-age=60').send(document)
  })
  app.get('/docs', { schema: { hide: true }, config: { page: POLICY } }, (_, reply) =>
    reply.type('text/html').send(PAGE),
  )
  app.get('/docs/', { schema: { hide: true } }, (_, reply) => reply.redirect('/docs'))
  app.get('/docs/start.js', { schema: { hide: true } }, (_, reply) => reply.type('text/javascript').send(START))
  app.get('/docs/reference.js', { schema: { hide: true } }, async (request, reply) => {
    const { body, etag } = await (script ??= loadScript())
    void reply.header('cache-control', 'public, max-age=3600').header('etag', etag).type('text/javascript')
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.header('content-encoding', 'gzip').send(body)
  })
}

let script: Promise<{ body: Buffer; etag: string }> | undefined

/**
 * Loads the script of the API reference, 4 MB in a package that exports it only as a Fastify plugin. It is loaded on the first request,
 * because an import at the start would cost 0.2 s and 25 MB, and most processes never serve it.
 */
async function loadScript(): Promise<{ body: Buffer; etag: string }> {
  const { default: reference } = await import('@scalar/fastify-api-reference')
  const source = fastify()
  await source.register(reference, { routePrefix: '/docs', configuration: { url: '/openapi.json' } })
  const { rawPayload } = await source.inject('/docs/js/scalar.js')
  await source.close()
  const body = await promisify(gzip)(rawPayload)
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
}
