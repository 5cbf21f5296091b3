import { assetOf, currencyOf, formatAmount, isCurrency, money } from '#money'
import type { MerchantBalance } from '#payments'
import { AppError } from '#platform/base/errors'
import type { HttpServer } from '#platform/web/http'
import { ALLOW_STORE_KEYS } from '../access/access.ts'
import { refusals } from '../problems/problems.ts'
import { renderPayment } from '../../resources/render-payment.ts'
import type { Api } from '../access/api.ts'
import * as shapes from '../../resources/payment.ts'
import { canSeePayment, noSuchPayment } from '../access/stores.ts'

const security = [{ bearer: [] }]

export function readPaymentRoutes(app: HttpServer, api: Api): void {
  findRoute(app, api)
  listRoute(app, api)
  balanceRoute(app, api)
}

function findRoute(app: HttpServer, { access, db, payments, publicUrl }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/payments/:id',
    onRequest: access.require('payments:read', ALLOW_STORE_KEYS),
    config: { refusals: refusals('payments.not-found') },
    schema: {
      operationId: 'getPayment',
      tags: ['Payments'],
      security,
      summary: 'Retrieve a payment',
      params: shapes.paymentId,
      response: { 200: shapes.payment },
    },
    handler: async (request) => {
      const caller = access.callerOf(request)
      const intent = await payments.find(db, { id: request.params.id, merchantId: caller.merchantId })
      if (!intent || !canSeePayment(caller, intent)) throw noSuchPayment(request.params.id)
      return renderPayment(intent, publicUrl())
    },
  })
}

function listRoute(app: HttpServer, { access, db, payments, publicUrl }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/payments',
    onRequest: access.require('payments:read', ALLOW_STORE_KEYS),
    config: { refusals: refusals('payments.bad-cursor') },
    schema: {
      operationId: 'listPayments',
      tags: ['Payments'],
      security,
      summary: 'List payments, newest first',
      description:
        'A payment must match all filters. For the next page, send `next_cursor` as `cursor` with the same filters. It is null on the last page.',
      querystring: shapes.listPayments,
      response: { 200: shapes.paymentPage },
    },
    handler: async (request) => {
      const { merchantId, storeId } = access.callerOf(request)
      const { created_from: from, created_to: to, ...filters } = request.query
      const { items, nextCursor } = await payments.list(db, {
        merchantId,
        ...filters,
        store: storeId ?? filters.store,
        createdFrom: from === undefined ? undefined : new Date(from),
        createdTo: to === undefined ? undefined : new Date(to),
      })
      const data = items.map((intent) => renderPayment(intent, publicUrl()))
      return { object: 'list' as const, data, next_cursor: nextCursor ?? null }
    },
  })
}

function balanceRoute(app: HttpServer, { access, db, payments }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/balance',
    onRequest: access.require('balance:read'),
    config: { refusals: refusals() },
    schema: {
      operationId: 'getBalance',
      tags: ['Balance'],
      security,
      summary: 'Retrieve the merchant’s balance, per currency',
      description:
        'Returns one row for each currency in which money ever arrived, so none before the first payment. With `currency`, it always returns that row.',
      querystring: shapes.balanceQuery,
      response: { 200: shapes.balance },
    },
    handler: async (request) => {
      const { merchantId, livemode } = access.callerOf(request)
      const { currency } = request.query
      const all = await payments.balance(db, merchantId)
      const shown = currency === undefined ? all : [all.find((each) => each.currency === currency) ?? nothing(currency)]
      return { object: 'balance' as const, livemode, balances: shown.map(renderBalance) }
    },
  })
}

function nothing(currency: string): MerchantBalance {
  if (!isCurrency(currency)) {
    const said = `currency "${currency}" is not known; use a code such as "KES"`
    throw new AppError('validation-failed', 422, said, { param: 'currency' })
  }
  const none = money(assetOf(currency), 0n)
  return { currency, available: none, pending: none, debt: none }
}

const renderBalance = ({ available, pending, debt }: MerchantBalance): shapes.BalanceRow => ({
  currency: currencyOf(available.asset),
  available: formatAmount(available),
  pending: formatAmount(pending),
  debt: formatAmount(debt),
})
