import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Brand, Identity } from '#identity'
import type { Db, Queryable } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { HttpServer } from '#platform/web/http'
import { html, type Html } from '#platform/base/html'
import { toAddressKey, type Limits } from '#platform/web/limits'
import { shadesOf, renderColourStyle } from '../../colour.ts'
import type { PdfPicture } from '../../pdf/picture.ts'

export interface BrandDeps {
  readonly db: Db
  readonly identity: Identity
  readonly limits: Limits
}

const YEAR_SECONDS = 31_536_000
const FOR_EVER = `public, max-age=${YEAR_SECONDS}, immutable`
const PER_ADDRESS = { points: 3000, windowMs: 60_000 }
/** Version in the URL of colour files. Increase it when the computation of shades changes, because browsers cache the files. */
const SHADES = 'v1'

/** Registers style sheets and logos of merchants. Their URLs change with the content, so browsers may cache them. */
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
        .send(renderColourStyle(`#${digits}`))
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

/** Renders the merchant's name with its logo, or with its first letter. */
export const renderMerchantLine = (merchant: string, brand: Brand | undefined): Html =>
  html`<p class="merchant">
    ${
      brand?.logo
        ? html`<img class="logo" src="/pay/logo/${brand.logo}" alt="" />`
        : html`<span class="initial" aria-hidden="true">${Array.from(merchant.trim()).at(0) ?? ''}</span>`
    }<bdi>${merchant}</bdi>
  </p>`

/** Renders the link to the merchant's colours. It must follow the page's own style sheet, which it overrides. */
export const renderBrandStyle = (brand: Brand | undefined): Html | undefined =>
  brand?.colour ? html`<link rel="stylesheet" href="/pay/colour/${SHADES}/${brand.colour.slice(1)}.css" />` : undefined

/** Brand of a PDF. A field is undefined if the merchant has none, or if a PDF cannot hold it. */
export interface PaperBrand {
  readonly picture?: PdfPicture | undefined
  /** `#rrggbb` */
  readonly colour?: string | undefined
}

const PICTURES_KEPT = 100

/** Returns a function that loads brands for PDFs. A logo's name is a hash of its content, so each logo is decoded once, also for concurrent calls. */
export function createPaperBrands(identity: Pick<Identity, 'findLogo'>) {
  const known = new LRUCache<string, Promise<PdfPicture | undefined>>({ max: PICTURES_KEPT })
  const decode = async (q: Queryable, name: string): Promise<PdfPicture | undefined> => {
    const logo = await identity.findLogo(q, name)
    const { readPicture } = await import('../../pdf/picture.ts')
    return logo && (await readPicture(logo))
  }
  return async (q: Queryable, brand: Brand | undefined): Promise<PaperBrand> => {
    const colour = brand?.colour ? shadesOf(brand.colour).light.main : undefined
    const name = brand?.logo
    if (!name) return { colour }
    // The name is a hash of the logo. A failed read is not kept.
    const picture = known.get(name) ?? decode(q, name)
    known.set(name, picture)
    return picture.then(
      (read) => ({ colour, picture: read }),
      (error: unknown) => {
        known.delete(name)
        throw error
      },
    )
  }
}
