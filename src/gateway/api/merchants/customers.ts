import { z } from 'zod'
import { formatAmount } from '#money'
import type { CustomerBalance } from '#payments'
import type { HttpServer } from '#platform/web/http'
import { idempotencyKeyOf } from '#platform/web/idempotency'
import { requireAmount } from '../../intents/new-intent.ts'
import { runIdempotent } from '../access/idempotency.ts'
import { BODY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'
import { customerRef, isoCurrency, decimalAmount } from '../../resources/payment.ts'

/** Routes of the prepaid balances of a merchant's customers. */

const tags = ['Customers']
const security = [{ bearer: [] }]
const params = z.object({ id: customerRef })

const row = z.object({
  currency: z.string(),
  available: decimalAmount.meta({ description: 'Amount that the customer can spend' }),
})
const balance = z
  .object({
    object: z.literal('customer_balance'),
    customer: z.string(),
    balances: z.array(row),
  })
  .meta({ id: 'CustomerBalance', description: 'Prepaid balance of a customer' })

const topUp = z
  .strictObject({ amount: decimalAmount, currency: isoCurrency })
  .meta({ id: 'TopUpCustomer', examples: [{ amount: '100.00', currency: 'KES' }] })

export function customerRoutes(app: HttpServer, api: Api): void {
  balanceRoute(app, api)
  topUpRoute(app, api)
}

const render = (customer: string, balances: readonly CustomerBalance[]): z.output<typeof balance> => ({
  object: 'customer_balance',
  customer,
  balances: balances.map(({ currency, available }) => ({ currency, available: formatAmount(available) })),
})

function balanceRoute(app: HttpServer, { access, db, payments }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/customers/:id/balance',
    onRequest: access.require('balance:read'),
    config: { refusals: refusals() },
    schema: {
      operationId: 'getCustomerBalance',
      tags,
      security,
      summary: 'Retrieve a customer’s prepaid balance, per currency',
      description:
        'You choose the ids of customers. There is no row before the first top-up. To top up a balance, create a payment with `top_up` and `customer.id`. ' +
        'To pay from it, create a payment with `customer.id` and with `balance` among its methods, and start an attempt with `{"method": "balance"}`.',
      params,
      response: { 200: balance },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      const { id: customer } = request.params
      return render(customer, await payments.customers.balance(db, { merchantId, customerId: customer }))
    },
  })
}

function topUpRoute(app: HttpServer, api: Api): void {
  const { access, db, ids, payments } = api
  app.route({
    method: 'POST',
    url: '/api/v1/customers/:id/top-ups',
    onRequest: access.require('payments:write'),
    config: {
      idempotent: true,
      exampleBody: { amount: '100.00', currency: 'KES' },
      refusals: refusals(
        'ledger.insufficient-funds',
        'ledger.transfer-mismatch',
        'idempotency-key-reused',
        'idempotency-in-progress',
        ...BODY_CODES,
      ),
    },
    schema: {
      operationId: 'topUpCustomer',
      tags,
      security,
      summary: 'Credit a customer from your own balance',
      description:
        'For a bonus, or for money that you received outside Purser. It is debited from your available balance. An Idempotency-Key never expires here.',
      params,
      body: topUp,
      response: { 201: balance },
    },
    handler: async (request, reply) => {
      const { merchantId } = access.callerOf(request)
      const { id: customerId } = request.params
      const amount = requireAmount(request.body.amount, request.body.currency)
      const key = idempotencyKeyOf(request)
      // The key is part of the posting's id, so a second call posts nothing.
      const id = key === undefined ? ids.next('top') : `${merchantId} ${customerId} ${key}`
      const made = await runIdempotent(api, request, reply, async () => {
        const move = { id, merchantId, customerId, amount, ref: 'api' }
        await db.transaction((tx) => payments.customers.topUp(tx, move), { repeatable: true })
        return {
          status: 201,
          body: render(customerId, await payments.customers.balance(db, { merchantId, customerId })),
        }
      })
      return reply.code(201).send(made.body)
    },
  })
}
