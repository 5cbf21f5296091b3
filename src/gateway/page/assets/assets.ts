import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { HttpServer } from '#platform/web/http'

/** Paths of script and style sheets. Their names contain a hash of the content, so browsers may cache them without limit. */
export interface Assets {
  readonly script: string
  readonly style: string
}

interface Asset {
  readonly path: string
  readonly type: string
  readonly text: string
  readonly packed: Buffer
}

const YEAR_SECONDS = 31_536_000

function readAsset(name: string, type: string, files = [name]): Asset {
  const text = files.map((file) => readFileSync(new URL(file, import.meta.url), 'utf8')).join('')
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return { path: `/pay/assets/${name.replace('.', `.${hash}.`)}`, type, text, packed: gzipSync(text, { level: 9 }) }
}

export function assetRoutes(app: HttpServer): Assets {
  const script = readAsset('checkout.js', 'text/javascript; charset=utf-8')
  const style = readAsset('checkout.css', 'text/css; charset=utf-8', [
    'base.css',
    'forms.css',
    'checkout.css',
    'address.css',
  ])
  for (const asset of [script, style]) {
    app.route({
      method: 'GET',
      url: asset.path,
      schema: { hide: true },
      handler: (request, reply) => {
        void reply.header('cache-control', `public, max-age=${YEAR_SECONDS}, immutable`).type(asset.type)
        void reply.header('vary', 'accept-encoding')
        if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(asset.text)
        return reply.header('content-encoding', 'gzip').send(asset.packed)
      },
    })
  }
  return { script: script.path, style: style.path }
}
