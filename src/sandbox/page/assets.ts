import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { HttpServer } from '#platform/web/http'

export interface Assets {
  readonly style: string
  readonly script: string
}

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
const YEAR_SECONDS = 31_536_000

/** Serves the style and script under names that change with their content, so that browsers can cache them for a year. */
export function addAssets(app: HttpServer): Assets {
  const serve = (name: string, type: string): string => {
    const text = read(name)
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 10)
    const path = `/sandbox/assets/${name.replace('.', `.${hash}.`)}`
    const control = `public, max-age=${YEAR_SECONDS}, immutable`
    app.get(path, { schema: { hide: true } }, (_, reply) =>
      reply.header('cache-control', control).type(type).send(text),
    )
    return path
  }
  return {
    style: serve('sandbox.css', 'text/css; charset=utf-8'),
    script: serve('sandbox.js', 'text/javascript; charset=utf-8'),
  }
}
