import type { Caller, Shop } from '#identity'
import { assetOf, isCurrency } from '#money'
import type { HttpServer } from '#platform/web/http'
import { findLinkByRequest, listLinks, type LinkRow } from '../../links/store.ts'
import { changeLink, createLink, requireLink, type LinkChange, type LinkKey } from '../../links/links.ts'
import { parseNewLink } from './new-link.ts'
import { speak } from '../../strings/strings.ts'
import { requireLinkMethods, requireReturnUrl } from '../../intents/new-intent.ts'
import { ALLOW_STORE_KEYS } from '../access/access.ts'
import * as shapes from './schemas.ts'
import { runIdempotent } from '../access/idempotency.ts'
import { BODY_CODES, IDEMPOTENCY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'
import { shopOf } from '../access/stores.ts'

const PATH = '/api/v1/payment-links'
const tags = ['Payment links']
const security = [{ bearer: [] }]

export function linkRoutes(app: HttpServer, api: Api): void {
  createLinkRoute(app, api)
  listRoute(app, api)
  findRoute(app, api)
  updateRoute(app, api)
}

/** Example of `html.style` and `html.button`, for the documentation. */
const PASTED = `\`\`\`html
<link rel="stylesheet" href="https://pay.example/l/lnk_01kd3vq7m2e8wtzr4c9x5bnh6f/button.css">
<form action="https://pay.example/l/lnk_01kd3vq7m2e8wtzr4c9x5bnh6f" method="get" class="purser-form">
  <label>Amount (KES) <input name="amount" type="text" inputmode="decimal" maxlength="30" required></label>
  <button type="submit" class="purser-button">Pay</button>
</form>
\`\`\``

type ShowDeps = Pick<Api, 'db' | 'identity' | 'publicUrl'>

/** Renders a link for the API, with HTML in the language of its shop. */
export const showLink = async (api: ShowDeps, link: LinkRow): Promise<shapes.LinkObject> =>
  shapes.renderLink(link, api.publicUrl(), speak((await shopOfLink(api, link)).locale))

const linkKeyOf = (id: string, { merchantId, storeId }: Caller): LinkKey => ({ id, merchantId, storeId })

function createLinkRoute(app: HttpServer, api: Api): void {
  const { access, db } = api
  app.route({
    method: 'POST',
    url: PATH,
    onRequest: access.require('payments:write', ALLOW_STORE_KEYS),
    config: {
      idempotent: true,
      refusals: refusals('identity.unknown-store', 'identity.store-archived', ...IDEMPOTENCY_CODES, ...BODY_CODES),
      exampleBody: { amount: '1500.00', currency: 'KES', description: 'Two mugs' },
    },
    schema: {
      operationId: 'createPaymentLink',
      tags,
      security,
      summary: 'Create a payment link',
      description:
        'Returns its `url`, and HTML to paste into a page. Each payer gets a separate payment. A single-use link closes ' +
        'when one payment is paid. Without `amount`, the payer enters the amount. Each payment names its `payment_link`.\n\n' +
        '`html.button` is a pay button that works on any page without scripts. Add `html.style` once to the page to show it in your colour:\n\n' +
        PASTED,
      body: shapes.createLink,
      response: { 201: shapes.link },
    },
    handler: async (request, reply) => {
      const caller = access.callerOf(request)
      const made = async (link: LinkRow) => ({ status: 201, body: await showLink(api, link) })
      const act = async (requestKey?: string) => {
        const shop = await shopOf(api, caller, request.body.store)
        const { currency } = request.body
        if (isCurrency(currency)) await api.payments.loadPrices(assetOf(currency))
        return made(
          await createLink(api, db, { ...parseNewLink(request.body, shop, api), requestKey: requestKey ?? null }),
        )
      }
      const rebuild = async (since: Date, requestKey: string) => {
        const link = await findLinkByRequest(db, { merchantId: caller.merchantId, requestKey, since })
        return link && made(link)
      }
      const { body } = await runIdempotent(api, request, reply, act, rebuild)
      return reply.header('location', `${PATH}/${body.id}`).code(201).send(body)
    },
  })
}

function listRoute(app: HttpServer, api: Api): void {
  const { access, db } = api
  app.route({
    method: 'GET',
    url: PATH,
    onRequest: access.require('payments:read', ALLOW_STORE_KEYS),
    config: { refusals: refusals() },
    schema: {
      operationId: 'listPaymentLinks',
      tags,
      security,
      summary: 'List payment links, newest first',
      querystring: shapes.listLinks,
      response: { 200: shapes.linkPage },
    },
    handler: async (request) => {
      const { merchantId, storeId } = access.callerOf(request)
      const { limit, cursor, archived } = request.query
      const rows = await listLinks(db, {
        merchantId,
        storeId,
        limit,
        cursor,
        archived: archived === undefined ? undefined : archived === 'true',
      })
      const shown = rows.slice(0, limit)
      return {
        object: 'list' as const,
        data: await Promise.all(shown.map((row) => showLink(api, row))),
        next_cursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null,
      }
    },
  })
}

function findRoute(app: HttpServer, api: Api): void {
  app.route({
    method: 'GET',
    url: `${PATH}/:id`,
    onRequest: api.access.require('payments:read', ALLOW_STORE_KEYS),
    config: { refusals: refusals('gateway.no-such-link') },
    schema: {
      operationId: 'getPaymentLink',
      tags,
      security,
      summary: 'Retrieve a payment link',
      params: shapes.linkId,
      response: { 200: shapes.link },
    },
    handler: async (request) =>
      showLink(api, await requireLink(api.db, linkKeyOf(request.params.id, api.access.callerOf(request)))),
  })
}

function updateRoute(app: HttpServer, api: Api): void {
  const { access, db } = api
  app.route({
    method: 'PATCH',
    url: `${PATH}/:id`,
    onRequest: access.require('payments:write', ALLOW_STORE_KEYS),
    config: { refusals: refusals('gateway.no-such-link', ...BODY_CODES) },
    schema: {
      operationId: 'updatePaymentLink',
      tags,
      security,
      summary: 'Change a payment link, or archive it',
      description:
        'Payments that the link created do not change. Its amount cannot change: create another link instead.',
      params: shapes.linkId,
      body: shapes.updateLink,
      response: { 200: shapes.link },
    },
    handler: async (request) => {
      const caller = access.callerOf(request)
      const key = linkKeyOf(request.params.id, caller)
      const link = await requireLink(db, key)
      const change = changeOf(request.body, await shopOfLink(api, link), link, api)
      return showLink(api, await db.transaction((tx) => changeLink(api, tx, key, change)))
    },
  })
}

const shopOfLink = ({ db, identity }: ShowDeps, { merchantId, storeId }: LinkRow): Promise<Shop> =>
  identity.requireShop(db, merchantId, storeId ?? undefined)

function changeOf(
  body: shapes.UpdateLink,
  shop: Shop,
  link: Pick<LinkRow, 'asset' | 'amount'>,
  { payments, publicUrl }: Api,
): LinkChange {
  const { methods, return_url: returnUrl, expires_at: expiresAt, ...rest } = body
  if (methods) requireLinkMethods(methods, link, shop, payments)
  return {
    ...rest,
    methods,
    returnUrl: returnUrl ? requireReturnUrl(returnUrl, shop, publicUrl()) : returnUrl,
    expiresAt: expiresAt ? new Date(expiresAt) : (expiresAt as null | undefined),
  }
}
