import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Brand, Identity } from '#identity'
import type { Db, Queryable } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { HttpServer } from '#platform/web/http'
import { html, type Html } from '#platform/base/html'
import { toAddressKey, type Limits } from '#platform/web/limits'
import { shadesOf, styleOf } from '../../colour.ts'
import type { PdfPicture } from '../../pdf/picture.ts'

export interface BrandDeps {
  readonly db: Db
  readonly identity: Identity
  readonly limits: Limits
}

const YEAR_SECONDS = 31_536_000
const FOR_EVER = `public, max-age=${YEAR_SECONDS}, immutable`
const PER_ADDRESS = { points: 3000, windowMs: 60_000 }
/** Part of the address: another way of making shades is another file. */
const SHADES = 'v1'

/** What merchants look like: their colours and pictures, at addresses that change with what is there. */
export function brandRoutes(app: HttpServer, { db, identity, limits }: BrandDeps): void {
  app.route({
    method: 'GET',
    url: `/pay/colour/${SHADES}/:colour`,
    schema: { hide: true, params: z.object({ colour: z.string().max(20) }) },
    handler: (request, reply) => {
      const [, digits] = /^([0-9a-f]{6})\.css$/.exec(request.params.colour) ?? []
      if (digits === undefined) throw notFound()
      return reply
        .header('cache-control', FOR_EVER)
        .type('text/css; charset=utf-8')
        .send(styleOf(`#${digits}`))
    },
  })
  app.route({
    method: 'GET',
    url: '/pay/logo/:name',
    schema: { hide: true, params: z.object({ name: z.string().max(60) }) },
    handler: async (request, reply) => {
      await limits.require('logo', toAddressKey(request.ip), PER_ADDRESS)
      const { name } = request.params
      const logo = /^[0-9a-f]{32}\.(?:png|jpg|webp)$/.test(name) ? await identity.findLogo(db, name) : undefined
      if (!logo) throw notFound()
      return reply.header('cache-control', FOR_EVER).type(logo.type).send(logo.bytes)
    },
  })
}

const notFound = (): AppError =>
  new AppError('not-found', 404, 'This path does not exist. Check the path and the id in it.')

/** The merchant's name with its picture, or its first letter. */
export const merchantLine = (merchant: string, brand: Brand | undefined): Html =>
  html`<p class="merchant">
    ${
      brand?.logo
        ? html`<img class="logo" src="/pay/logo/${brand.logo}" alt="" />`
        : html`<span class="initial" aria-hidden="true">${Array.from(merchant.trim()).at(0) ?? ''}</span>`
    }<bdi>${merchant}</bdi>
  </p>`

/** Puts the merchant's colour in place of ours. After the page's own style. */
export const brandStyle = (brand: Brand | undefined): Html | undefined =>
  brand?.colour ? html`<link rel="stylesheet" href="/pay/colour/${SHADES}/${brand.colour.slice(1)}.css" />` : undefined

/** How a brand looks in a PDF: undefined where there is nothing, or nothing that a PDF can hold. */
export interface PaperBrand {
  readonly picture?: PdfPicture | undefined
  /** `#rrggbb` */
  readonly colour?: string | undefined
}

const PICTURES_KEPT = 100

/** What is drawn of brands on paper. A picture is read once: its name is a hash of it. */
export function createPaperBrands(identity: Pick<Identity, 'findLogo'>) {
  const known = new LRUCache<string, { picture: PdfPicture | undefined }>({ max: PICTURES_KEPT })
  return async (q: Queryable, brand: Brand | undefined): Promise<PaperBrand> => {
    const colour = brand?.colour ? shadesOf(brand.colour).light.main : undefined
    if (!brand?.logo) return { colour }
    const before = known.get(brand.logo)
    if (before) return { colour, ...before }
    const logo = await identity.findLogo(q, brand.logo)
    const { readPicture } = await import('../../pdf/picture.ts')
    const read = { picture: logo && (await readPicture(logo)) }
    known.set(brand.logo, read)
    return { colour, ...read }
  }
}
