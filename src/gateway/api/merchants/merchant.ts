import { z } from 'zod'
import type { Brand, Merchant, Store, StoreChange } from '#identity'
import { assetOf, formatAmount, money } from '#money'
import { isId } from '#platform/base/ids'
import type { HttpServer, Request } from '#platform/web/http'
import { requireKnownMethods } from '../../intents/new-intent.ts'
import { text } from '../../resources/text.ts'
import { actorOf } from '../access/access.ts'
import { runIdempotent } from '../access/idempotency.ts'
import { BODY_CODES, IDEMPOTENCY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'
import { MAX_PHONE_LENGTH } from '#platform/base/phone'

/** Routes of the merchant's profile and its stores. */

const tags = ['Merchant']
const security = [{ bearer: [] }]
/** Maximum body size: a logo of 100 kB as base64, and the other fields. */
const BODY_LIMIT = 256 * 1024
const LOGO_TEXT_AT_MOST = 140_000

const locale = z.enum(['en', 'sw'])
const colour = text(20)
  .nullable()
  .optional()
  .meta({ description: 'Colour of buttons. Pages use the nearest readable shade.', examples: ['#0b6b4f'] })
const logo = z
  .base64('must be an image encoded as base64')
  .max(LOGO_TEXT_AT_MOST, 'is too large: a logo has at most 100 kB')
  .transform((given) => Buffer.from(given, 'base64'))
  .nullable()
  .optional()
  .meta({ description: 'A PNG, JPEG or WebP image of at most 100 kB, as base64. Null removes the logo.' })

const TOLERANCE =
  'Percentage of a payment’s amount that may be missing when it counts as paid, at most 10. It applies to new payments.'
const updateMerchant = z
  .strictObject({
    name: text(100).optional(),
    locale: locale.optional(),
    colour,
    logo,
    tolerance: text(10)
      .optional()
      .meta({ description: TOLERANCE, examples: ['0.5'] }),
  })
  .meta({ id: 'UpdateMerchant', examples: [{ name: 'Kahawa Nzuri', colour: '#0b6b4f' }] })

const storeFields = {
  locale: locale.nullable().optional(),
  colour,
  logo,
  return_origins: z.array(text(300)).max(50).optional().meta({
    description:
      'Origins to which payers may return. Needs the scope `origins:write`, which a key has only if it was named at creation.',
  }),
  methods: z
    .array(text(20))
    .max(10)
    .optional()
    .meta({ description: 'Payment methods in display order. An empty list means all.' }),
}
const createStore = z
  .strictObject({ name: text(100), ...storeFields })
  .meta({ id: 'CreateStore', examples: [{ name: 'Kahawa Nzuri Mombasa' }] })
const updateStore = z
  .strictObject({ name: text(100).optional(), ...storeFields, archived: z.boolean().optional() })
  .meta({ id: 'UpdateStore', examples: [{ colour: '#7a1f2b' }] })

const profileFields = {
  name: z.string(),
  colour: z.string().nullable(),
  logo_url: z.string().nullable(),
  return_origins: z.array(z.string()),
  created_at: z.string().meta({ format: 'date-time' }),
}
const merchant = z
  .object({
    id: z.string(),
    object: z.literal('merchant'),
    livemode: z.boolean(),
    locale,
    ...profileFields,
    tolerance: z.string().meta({ description: TOLERANCE, examples: ['0.5'] }),
    settlement: z
      .object({
        hold_days: z.int().meta({ description: 'Days from the receipt until the money is available' }),
        fee_bps: z.int().meta({ description: 'Fee on each receipt, in hundredths of a percent' }),
        fee_fixed: z.record(z.string(), z.string()).meta({ description: 'Fixed fee on each receipt, by currency' }),
      })
      .meta({ description: 'Set by the operator' }),
    payout_destination: z
      .object({ kind: z.enum(['mpesa', 'bank']), ends: z.string() })
      .nullable()
      .meta({
        description: 'Destination of payouts. Only the end of its number is shown.',
        examples: [{ kind: 'mpesa', ends: '…5678' }],
      }),
  })
  .meta({ id: 'Merchant', description: 'The merchant, as payers see it' })
const store = z
  .object({
    id: z.string().meta({ examples: ['sto_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('store'),
    locale: locale.nullable(),
    ...profileFields,
    methods: z.array(z.string()),
    archived_at: z.string().nullable(),
  })
  .meta({ id: 'Store', description: 'A shop of the merchant. A null or empty field inherits the merchant’s value.' })
const storeList = z
  .object({ object: z.literal('list'), data: z.array(store), next_cursor: z.string().nullable() })
  .meta({ id: 'StoreList' })
const listStores = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .refine((given) => isId('sto', given), 'is not valid: send next_cursor of the previous page')
    .optional(),
})

export function merchantRoutes(app: HttpServer, api: Api): void {
  findRoute(app, api)
  updateRoute(app, api)
  destinationRoute(app, api)
  createStoreRoute(app, api)
  listStoresRoute(app, api)
  updateStoreRoute(app, api)
}

const renderBrand = ({ publicUrl }: Api, { colour: own, logo: name }: Brand) => ({
  colour: own,
  logo_url: name === null ? null : `${publicUrl()}/pay/logo/${name}`,
})

const renderMerchant = (api: Api, one: Merchant): z.output<typeof merchant> => ({
  id: one.id,
  object: 'merchant',
  livemode: one.livemode,
  locale: one.locale,
  name: one.name,
  ...renderBrand(api, one.brand),
  return_origins: [...one.returnOrigins],
  tolerance: percentOf(one.toleranceBps),
  settlement: {
    hold_days: one.settlement.holdDays,
    fee_bps: one.settlement.feeBps,
    fee_fixed: Object.fromEntries(
      Object.entries(one.settlement.feeFixed).map(([currency, minor]) => [
        currency,
        formatAmount(money(assetOf(currency), BigInt(minor))),
      ]),
    ),
  },
  payout_destination: one.destination,
  created_at: one.createdAt.toISOString(),
})

/** Renders basis points as a percentage: 50 → `0.5`. */
const percentOf = (bps: number): string => {
  const decimals = String(bps % 100)
    .padStart(2, '0')
    .replace(/0+$/, '')
  return String(Math.floor(bps / 100)) + (decimals === '' ? '' : `.${decimals}`)
}

const renderStore = (api: Api, one: Store): z.output<typeof store> => ({
  id: one.id,
  object: 'store',
  locale: one.locale ?? null,
  name: one.name,
  ...renderBrand(api, one.brand),
  return_origins: [...one.returnOrigins],
  methods: [...one.methods],
  created_at: one.createdAt.toISOString(),
  archived_at: one.archivedAt?.toISOString() ?? null,
})

function findRoute(app: HttpServer, api: Api): void {
  const { access, db, identity } = api
  app.route({
    method: 'GET',
    url: '/api/v1/merchant',
    onRequest: access.require('merchant:read'),
    config: { refusals: refusals() },
    schema: {
      operationId: 'getMerchant',
      tags,
      security,
      summary: 'Retrieve the merchant of this key',
      response: { 200: merchant },
    },
    handler: async (request) =>
      renderMerchant(api, await identity.requireMerchant(db, access.callerOf(request).merchantId)),
  })
}

function updateRoute(app: HttpServer, api: Api): void {
  const { access, db, identity } = api
  app.route({
    method: 'PATCH',
    url: '/api/v1/merchant',
    bodyLimit: BODY_LIMIT,
    onRequest: access.require('merchant:write'),
    config: { refusals: refusals('identity.bad-input', ...BODY_CODES) },
    schema: {
      operationId: 'updateMerchant',
      tags,
      security,
      summary: 'Change how payers see the merchant',
      description:
        'Pages show the change within seconds, including pages of earlier payments. Earlier payments keep the old name.',
      body: updateMerchant,
      response: { 200: merchant },
    },
    handler: async (request) => {
      const change = { merchantId: access.callerOf(request).merchantId, ...request.body }
      const made = await db.transaction((tx) => identity.updateMerchant(tx, change, actorOf(api, request)))
      return renderMerchant(api, made)
    },
  })
}

const setDestination = z
  .strictObject({
    kind: z.enum(['mpesa', 'bank']),
    phone: text(MAX_PHONE_LENGTH)
      .optional()
      .meta({ description: 'For mpesa: a Kenyan mobile number', examples: ['+254700000001'] }),
    bank: text(100).optional(),
    account: text(34).optional(),
    holder: text(100).optional(),
  })
  .nullable()
  .meta({ id: 'SetPayoutDestination', examples: [{ kind: 'mpesa', phone: '+254712345678' }] })

function destinationRoute(app: HttpServer, api: Api): void {
  const { access, db, identity } = api
  app.route({
    method: 'PUT',
    url: '/api/v1/merchant/payout-destination',
    onRequest: access.require('destinations:write'),
    config: { refusals: refusals('identity.bad-input', ...BODY_CODES) },
    schema: {
      operationId: 'setPayoutDestination',
      tags,
      security,
      summary: 'Set the payout destination, or remove it with null',
      description:
        'Needs the scope `destinations:write`, which a key has only if it was named at creation. Each change is in the audit log.',
      body: setDestination,
      response: { 200: merchant },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      const input = { merchantId, destination: request.body }
      await db.transaction((tx) => identity.setDestination(tx, input, actorOf(api, request)))
      return renderMerchant(api, await identity.requireMerchant(db, merchantId))
    },
  })
}

/** Checks scope and methods. Return origins need a separate scope. Throws 403 `forbidden`, 422 `validation-failed`. */
function checkStore({ access, identity, payments }: Api, request: Request, body: z.output<typeof updateStore>): void {
  if (body.return_origins) identity.requireScope(access.callerOf(request), 'origins:write')
  if (body.methods) requireKnownMethods(body.methods, payments)
}

const changeOf = ({ return_origins: returnOrigins, ...rest }: z.output<typeof updateStore>): StoreChange => ({
  ...rest,
  ...(returnOrigins && { returnOrigins }),
})

function createStoreRoute(app: HttpServer, api: Api): void {
  const { access, db, identity } = api
  app.route({
    method: 'POST',
    url: '/api/v1/stores',
    bodyLimit: BODY_LIMIT,
    onRequest: access.require('merchant:write'),
    config: {
      idempotent: true,
      refusals: refusals(
        'identity.bad-input',
        'identity.bad-origin',
        'identity.too-many-stores',
        ...IDEMPOTENCY_CODES,
        ...BODY_CODES,
      ),
    },
    schema: {
      operationId: 'createStore',
      tags,
      security,
      summary: 'Create a store',
      description: 'Set `store` when you create a payment, or use a key of the store (npx purser key create --store).',
      body: createStore,
      response: { 201: store },
    },
    handler: async (request, reply) => {
      const { merchantId } = access.callerOf(request)
      const { name } = request.body
      checkStore(api, request, request.body)
      const act = async (requestKey?: string) => {
        const input = { ...changeOf(request.body), merchantId, name, requestKey }
        const made = await db.transaction((tx) => identity.createStore(tx, input, actorOf(api, request)))
        return { status: 201, body: renderStore(api, made) }
      }
      const rebuild = async (since: Date, requestKey: string) => {
        const found = await identity.findStoreByRequest(db, { merchantId, requestKey, since })
        return found && { status: 201, body: renderStore(api, found) }
      }
      const { body } = await runIdempotent(api, request, reply, act, rebuild)
      return reply.code(201).send(body)
    },
  })
}

function listStoresRoute(app: HttpServer, api: Api): void {
  const { access, db, identity } = api
  app.route({
    method: 'GET',
    url: '/api/v1/stores',
    onRequest: access.require('merchant:read'),
    config: { refusals: refusals() },
    schema: {
      operationId: 'listStores',
      tags,
      security,
      summary: 'List stores, newest first',
      querystring: listStores,
      response: { 200: storeList },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      const { items, nextCursor } = await identity.listStores(db, { ...request.query, merchantId })
      const data = items.map((one) => renderStore(api, one))
      return { object: 'list' as const, data, next_cursor: nextCursor ?? null }
    },
  })
}

function updateStoreRoute(app: HttpServer, api: Api): void {
  const { access, db, identity } = api
  app.route({
    method: 'PATCH',
    url: '/api/v1/stores/:id',
    bodyLimit: BODY_LIMIT,
    onRequest: access.require('merchant:write'),
    config: {
      refusals: refusals('identity.unknown-store', 'identity.bad-input', 'identity.bad-origin', ...BODY_CODES),
    },
    schema: {
      operationId: 'updateStore',
      tags,
      security,
      summary: 'Change a store, or archive it',
      params: z.object({ id: text(40) }),
      body: updateStore,
      response: { 200: store },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      checkStore(api, request, request.body)
      const input = { ...changeOf(request.body), id: request.params.id, merchantId }
      const made = await db.transaction((tx) => identity.updateStore(tx, input, actorOf(api, request)))
      return renderStore(api, made)
    },
  })
}
