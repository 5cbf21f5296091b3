import { z } from 'zod'
import { currencyOf, formatAmount } from '#money'
import type { OnTransferDecided, ManualTransfer } from '#payments'
import type { HttpServer, Request } from '#platform/web/http'
import { requireAmount } from '../../intents/new-intent.ts'
import { BODY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'
import { text } from '../../resources/text.ts'
import { ATTEMPT_STATUSES, decimalAmount } from '../../resources/payment.ts'

/** Routes of manual transfers, for operators' keys. A confirmation credits money, so not every key may send one. */

const tags = ['Transfers']
const security = [{ bearer: [] }]
const timestamp = z.string().meta({ format: 'date-time' })

const transfer = z
  .object({
    id: z.string().meta({ examples: ['att_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('transfer'),
    payment: z.string(),
    merchant: z.string(),
    code: z
      .string()
      .nullable()
      .meta({ description: 'Payment code that the payer writes on the transfer', examples: ['X2M4P-7K3Q9'] }),
    amount: decimalAmount.meta({ description: 'Requested amount' }),
    currency: z.string(),
    status: z.enum(ATTEMPT_STATUSES),
    sent_at: timestamp.nullable().meta({ description: 'Time at which the payer reported it as sent' }),
    note: z.string().nullable().meta({ description: 'Note of the payer' }),
    created_at: timestamp,
  })
  .meta({ id: 'Transfer', description: 'A manual transfer: the payer sends it, and an operator confirms it' })

const page = z
  .object({ object: z.literal('list'), data: z.array(transfer), next_cursor: z.string().nullable() })
  .meta({ id: 'TransferList', description: 'A page of transfers' })

const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(40).optional(),
})
const params = z.object({
  id: z.string().max(60).meta({ description: 'Id or payment code of the transfer, or id of the payment' }),
})

const confirmation = z
  .strictObject({
    number: text(60).meta({ description: 'Number of the transfer on the bank statement. Each number counts once.' }),
    amount: decimalAmount.optional().meta({ description: 'Received amount. Default: the requested amount.' }),
    another: z
      .boolean()
      .optional()
      .meta({ description: 'Confirms a further transfer: the payer sent money twice with the same payment code' }),
  })
  .meta({ id: 'ConfirmTransfer', examples: [{ number: 'FT26015K3M9P' }] })
const rejection = z
  .strictObject({ note: text(300).min(1) })
  .meta({ id: 'RejectTransfer', examples: [{ note: 'Not on the statement after three days' }] })

const NOT_DECIDED = ['payments.no-such-transfer', 'payments.transfer-not-open'] as const
const NOT_CONFIRMED = [
  'payments.no-such-transfer',
  'payments.transfer-confirmed',
  'payments.number-used',
  'payments.bad-number',
] as const

export function transferRoutes(app: HttpServer, api: Api): void {
  listRoute(app, api)
  confirmRoute(app, api)
  rejectRoute(app, api)
}

function listRoute(app: HttpServer, { access, db, payments }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/transfers',
    onRequest: access.require('operations:read'),
    config: { refusals: refusals('payments.bad-cursor') },
    schema: {
      operationId: 'listTransfers',
      tags,
      security,
      summary: 'List transfers that payers reported as sent, oldest first',
      description: 'Lists undecided transfers of all merchants, so it needs an operator’s key.',
      querystring: listQuery,
      response: { 200: page },
    },
    handler: async (request) => {
      const { items, nextCursor } = await payments.transfers.list(db, request.query)
      return { object: 'list' as const, data: items.map(render), next_cursor: nextCursor ?? null }
    },
  })
}

function confirmRoute(app: HttpServer, api: Api): void {
  const { access, db, payments } = api
  app.route({
    method: 'POST',
    url: '/api/v1/transfers/:id/confirm',
    onRequest: access.require('operations:write'),
    config: { refusals: refusals(...NOT_CONFIRMED, ...BODY_CODES) },
    schema: {
      operationId: 'confirmTransfer',
      tags,
      security,
      summary: 'Confirm that the money of a transfer arrived',
      description:
        'The money is credited whatever the status of the payment, with `flags.late` if the payment has ended. Repeating a confirmation changes nothing.',
      params,
      body: confirmation,
      response: { 200: transfer },
    },
    handler: async (request) => {
      const { number, amount, another } = request.body
      const { id, amount: asked } = await payments.transfers.require(db, request.params.id)
      const came = amount === undefined ? undefined : requireAmount(amount, currencyOf(asked.asset))
      const detail = { number, ...(amount !== undefined && { amount }) }
      const audit = auditOf(api, request, 'payments.transfer-confirmed', detail)
      return render(await payments.transfers.confirm({ id, number, amount: came, another }, audit))
    },
  })
}

function rejectRoute(app: HttpServer, api: Api): void {
  const { access, db, payments } = api
  app.route({
    method: 'POST',
    url: '/api/v1/transfers/:id/reject',
    onRequest: access.require('operations:write'),
    config: { refusals: refusals(...NOT_DECIDED, ...BODY_CODES) },
    schema: {
      operationId: 'rejectTransfer',
      tags,
      security,
      summary: 'Reject a transfer whose money did not arrive',
      description: 'The payer can try again. Money that arrives later can still be confirmed.',
      params,
      body: rejection,
      response: { 200: transfer },
    },
    handler: async (request) => {
      const { note } = request.body
      const { id } = await payments.transfers.require(db, request.params.id)
      return render(
        await payments.transfers.reject({ id, note }, auditOf(api, request, 'payments.transfer-rejected', { note })),
      )
    },
  })
}

const auditOf =
  ({ access, identity }: Api, request: Request, action: string, detail: Record<string, string>): OnTransferDecided =>
  (tx, { id }) =>
    identity.audit.record(tx, {
      actor: { type: 'key', id: access.callerOf(request).keyId },
      action,
      target: id,
      detail,
    })

const render = (one: ManualTransfer): z.output<typeof transfer> => ({
  id: one.id,
  object: 'transfer',
  payment: one.intentId,
  merchant: one.merchantId,
  code: one.code ?? null,
  amount: formatAmount(one.amount),
  currency: currencyOf(one.amount.asset),
  status: one.status,
  sent_at: one.sentAt?.toISOString() ?? null,
  note: one.note ?? null,
  created_at: one.createdAt.toISOString(),
})
