import { html, type Html } from '#platform/base/html'
import type { HttpServer } from '#platform/web/http'
import type { Problem } from '../problems/problem.ts'
import { PROBLEMS } from '../problems/problems.ts'

const STYLE = '/docs/errors.css'
const CSS = `:root { color-scheme: light dark; font: 16px/1.55 system-ui, sans-serif }
body { max-width: 44rem; margin: 0 auto; padding: 2rem 1.25rem 6rem }
h1 { font-size: 1.7rem; line-height: 1.2 }
h2 { font-size: 1.05rem; margin: 2.25rem 0 0.25rem; scroll-margin-top: 1rem }
p { margin: 0.25rem 0 }
code, .status { font-family: ui-monospace, monospace; font-size: 0.93em }
.status { opacity: 0.7; font-weight: normal }
.message { font-style: italic }
section:target { border-left: 4px solid #0a7d4f; padding-left: 1rem; margin-left: -1.25rem }
`

/** Serves `/docs/errors`, the target of every error's `doc_url`: one page with a section for each code. */
export function errorDocsRoutes(app: HttpServer): void {
  const page = errorsDocument()
  app.route({
    method: 'GET',
    url: '/docs/errors',
    config: { page: true },
    schema: { hide: true },
    handler: (_request, reply) => reply.type('text/html; charset=utf-8').send(page),
  })
  app.route({
    method: 'GET',
    url: STYLE,
    schema: { hide: true },
    handler: (_request, reply) =>
      reply.header('cache-control', 'public, max-age=3600').type('text/css; charset=utf-8').send(CSS),
  })
}

const errorsDocument = (): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Errors · Purser API</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="${STYLE}" />
      </head>
      <body>
        <main>
          <h1>Errors</h1>
          <p>
            Every error has the form
            <code>{"error": {"code", "message", "param", "request_id", "doc_url"}}</code>. Programs should use
            <code>code</code>; <code>message</code> is for people. See also the <a href="/docs">API reference</a>.
          </p>
          ${PROBLEMS.map(problemPart)}
        </main>
      </body>
    </html>`.text

const problemPart = ({ code, status, message, remedy }: Problem): Html =>
  html`<section id="${code}">
    <h2><a href="#${code}">${code}</a> <span class="status">${status}</span></h2>
    <p class="message">${message}</p>
    <p>${remedy}</p>
  </section>`
