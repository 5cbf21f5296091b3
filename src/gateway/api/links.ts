import type { Caller, Shop } from '#identity'
import { assetOf, isCurrency } from '#money'
import type { HttpServer } from '#platform/http'
import { AppError } from '#platform/errors'
import { listLinks } from '../link-store.ts'
import { changeLink, createLink, requireLink, type LinkChange, type LinkKey, type NewLink } from '../links.ts'
import { requireAmount, requireKnown, requireReturnUrl } from '../payments.ts'
import { OF_STORES } from './access.ts'
import * as shapes from './linkshapes.ts'
import { once } from './once.ts'
import { OF_BODIES, refusals } from './problems.ts'
import type { Api } from './routes.ts'
import { shopOf } from './shops.ts'

const PATH = '/api/v1/payment-links'
const tags = ['Payment links']
const security = [{ bearer: [] }]

export function linkRoutes(app: HttpServer, api: Api): void {
  createRoute(app, api)
  listRoute(app, api)
  findRoute(app, api)
  updateRoute(app, api)
}

const keyOf = (id: string, { merchantId, storeId }: Caller): LinkKey => ({ id, merchantId, storeId })

function createRoute(app: HttpServer, api: Api): void {
  const { access, db, publicUrl } = api
  app.route({
    method: 'POST',
    url: PATH,
    onRequest: access.require('payments:write', OF_STORES),
    config: {
      idempotent: true,
      refusals: refusals(
        'identity.unknown-store',
        'identity.store-archived',
        'idempotency-key-reused',
        'idempotency-in-progress',
        ...OF_BODIES,
      ),
      exampleBody: { amount: '1500.00', currency: 'KES', description: 'Two mugs' },
    },
    schema: {
      operationId: 'createPaymentLink',
      tags,
      security,
      summary: 'Create a payment link',
      description:
        'Answers with its `url`, and with HTML to paste into a page. Each payer who opens it gets a payment of their own; a link for one use is ' +
        'over when one is paid. Without `amount` the payer says how much. The payments name their `payment_link`.',
      body: shapes.createLink,
      response: { 201: shapes.link },
    },
    handler: async (request, reply) => {
      const caller = access.callerOf(request)
      const { body } = await once(api, request, reply, async () => {
        const shop = await shopOf(api, caller, request.body.store)
        const { currency } = request.body
        if (isCurrency(currency)) await api.payments.learnPrices(assetOf(currency))
        const link = await createLink(api, db, newLinkOf(request.body, shop, api))
        return { status: 201, body: shapes.renderLink(link, publicUrl()) }
      })
      return reply.header('location', `${PATH}/${body.id}`).code(201).send(body)
    },
  })
}

const invalid = (param: string, message: string): AppError =>
  new AppError('validation-failed', 422, `${param} ${message}`, { param })

/** Throws 422 `validation-failed` with the field that is wrong. */
function newLinkOf(body: shapes.CreateLink, shop: Shop, { payments, publicUrl }: Api): NewLink {
  const { currency } = body
  if (!isCurrency(currency)) throw invalid('currency', `"${currency}" is not known; use a code such as "KES"`)
  const asset = assetOf(currency)
  const minor = (name: 'amount' | 'min_amount' | 'max_amount'): bigint | null =>
    body[name] === undefined ? null : requireAmount(body[name], currency, name).amount
  const [amount, least, most] = [minor('amount'), minor('min_amount'), minor('max_amount')]
  if (amount !== null && (least !== null || most !== null))
    throw invalid('amount', 'is fixed: leave min_amount and max_amount out, or amount')
  if (least !== null && most !== null && least > most) throw invalid('min_amount', 'must be at most max_amount')
  const offered = payments.methods(asset)
  if (offered.length === 0) throw invalid('currency', `${currency} cannot be taken by any payment method`)
  if (body.methods) requireKnown(body.methods, offered, currency)
  return {
    merchantId: shop.merchantId,
    storeId: shop.storeId ?? null,
    livemode: shop.livemode,
    asset,
    amount,
    least,
    most,
    description: body.description,
    reference: body.reference ?? null,
    methods: body.methods ?? null,
    returnUrl: body.return_url === undefined ? null : requireReturnUrl(body.return_url, shop, publicUrl()),
    singleUse: body.single_use,
    expiresAt: body.expires_at === undefined ? null : new Date(body.expires_at),
  }
}

function listRoute(app: HttpServer, { access, db, publicUrl }: Api): void {
  app.route({
    method: 'GET',
    url: PATH,
    onRequest: access.require('payments:read', OF_STORES),
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
        data: shown.map((row) => shapes.renderLink(row, publicUrl())),
        next_cursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null,
      }
    },
  })
}

function findRoute(app: HttpServer, { access, db, publicUrl }: Api): void {
  app.route({
    method: 'GET',
    url: `${PATH}/:id`,
    onRequest: access.require('payments:read', OF_STORES),
    config: { refusals: refusals('gateway.no-such-link') },
    schema: {
      operationId: 'getPaymentLink',
      tags,
      security,
      summary: 'Look a payment link up',
      params: shapes.linkId,
      response: { 200: shapes.link },
    },
    handler: async (request) =>
      shapes.renderLink(await requireLink(db, keyOf(request.params.id, access.callerOf(request))), publicUrl()),
  })
}

function updateRoute(app: HttpServer, api: Api): void {
  const { access, db, publicUrl } = api
  app.route({
    method: 'PATCH',
    url: `${PATH}/:id`,
    onRequest: access.require('payments:write', OF_STORES),
    config: { refusals: refusals('gateway.no-such-link', ...OF_BODIES) },
    schema: {
      operationId: 'updatePaymentLink',
      tags,
      security,
      summary: 'Change a payment link, or archive it',
      description: 'Payments made by it stay as they are. What is to pay cannot be changed: make another link.',
      params: shapes.linkId,
      body: shapes.updateLink,
      response: { 200: shapes.link },
    },
    handler: async (request) => {
      const caller = access.callerOf(request)
      const key = keyOf(request.params.id, caller)
      const change = changeOf(request.body, await shopOfLink(api, key), await requireLink(db, key), api)
      return shapes.renderLink(await db.transaction((tx) => changeLink(api, tx, key, change)), publicUrl())
    },
  })
}

async function shopOfLink({ db, identity }: Api, key: LinkKey): Promise<Shop> {
  const { merchantId, storeId } = await requireLink(db, key)
  return identity.requireShop(db, merchantId, storeId ?? undefined)
}

function changeOf(
  body: shapes.UpdateLink,
  shop: Shop,
  { asset }: { asset: NewLink['asset'] },
  { payments, publicUrl }: Api,
): LinkChange {
  const { methods, return_url: returnUrl, expires_at: expiresAt, ...rest } = body
  if (methods) requireKnown(methods, payments.methods(asset), asset.split('/', 1)[0] ?? '')
  return {
    ...rest,
    methods,
    returnUrl: returnUrl ? requireReturnUrl(returnUrl, shop, publicUrl()) : returnUrl,
    expiresAt: expiresAt ? new Date(expiresAt) : (expiresAt as null | undefined),
  }
}
