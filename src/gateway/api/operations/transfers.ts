import { z } from 'zod'
import { currencyOf, formatAmount } from '#money'
import type { OnTransferDecided, ManualTransfer } from '#payments'
import type { HttpServer, Request } from '#platform/web/http'
import { requireAmount } from '../../intents/new-intent.ts'
import { BODY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'
import { text } from '../../resources/text.ts'
import { ATTEMPT_STATUSES, minorAmount } from '../../resources/payment.ts'

/** Transfers by hand, for keys of the operator: whoever confirms one says that money came. */

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
      .meta({ description: 'The payment code, which the payer was asked to write on it', examples: ['X2M4P-7K3Q9'] }),
    amount: minorAmount.meta({ description: 'What was asked for' }),
    currency: z.string(),
    status: z.enum(ATTEMPT_STATUSES),
    sent_at: timestamp.nullable().meta({ description: 'When the payer said that it was sent' }),
    note: z.string().nullable().meta({ description: 'The payer’s words' }),
    created_at: timestamp,
  })
  .meta({ id: 'Transfer', description: 'Money that a payer sends by hand and a person looks for' })

const page = z
  .object({ object: z.literal('list'), data: z.array(transfer), next_cursor: z.string().nullable() })
  .meta({ id: 'TransferList', description: 'A page of transfers' })

const ask = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(40).optional(),
})
const params = z.object({
  id: z.string().max(60).meta({ description: 'Its id, its payment code, or the payment’s id' }),
})

const confirmation = z
  .strictObject({
    number: text(60).meta({ description: 'The transfer’s number in the bank’s books: each is counted once' }),
    amount: minorAmount.optional().meta({ description: 'What came; what was asked for unless told' }),
    another: z
      .boolean()
      .optional()
      .meta({ description: 'It is one more than was confirmed before: the payer sent twice with one payment code' }),
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
      summary: 'List transfers that payers say they have sent, longest ago first',
      description: 'Of all merchants, those that nobody has decided on: for keys of whoever runs this server.',
      querystring: ask,
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
      summary: 'Say that the money of a transfer came',
      description:
        'It is credited whatever became of the payment meanwhile, and marked late where that is over. Saying the same again changes nothing.',
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
      summary: 'Say that the money of a transfer did not come',
      description: 'The payer can try again. Money that comes later can still be confirmed.',
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
