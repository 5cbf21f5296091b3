import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { HttpServer } from '#platform/http'

/** Paths of the page's own files. Their names carry a hash, so that browsers may keep them for ever. */
export interface Assets {
  readonly script: string
  readonly style: string
}

interface Asset {
  readonly path: string
  readonly type: string
  readonly text: string
}

const YEAR_SECONDS = 31_536_000

function readAsset(name: string, type: string): Asset {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8')
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return { path: `/pay/assets/${name.replace('.', `.${hash}.`)}`, type, text }
}

export function assetRoutes(app: HttpServer): Assets {
  const script = readAsset('checkout.js', 'text/javascript; charset=utf-8')
  const style = readAsset('checkout.css', 'text/css; charset=utf-8')
  for (const asset of [script, style]) {
    app.route({
      method: 'GET',
      url: asset.path,
      schema: { hide: true },
      handler: (_request, reply) =>
        reply.header('cache-control', `public, max-age=${YEAR_SECONDS}, immutable`).type(asset.type).send(asset.text),
    })
  }
  return { script: script.path, style: style.path }
}
