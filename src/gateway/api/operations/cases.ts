import { z } from 'zod'
import { currencyOf, formatAmount, type Money } from '#money'
import { CASE_KINDS, CASE_STATES, type Case } from '#cases'
import { CASE_ACTIONS } from '#reconciliation'
import type { Tx } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { HttpServer } from '#platform/web/http'
import { isId } from '#platform/base/ids'
import { text } from '../../resources/text.ts'
import { CASE_PROBLEMS } from '../problems/case-problems.ts'
import { BODY_CODES, refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'

/** Routes of reconciliation cases: differences between the ledger and the providers' records. For operators' keys. */

const timestamp = z.string().meta({ format: 'date-time' })
const money = z
  .object({ amount: z.string(), currency: z.string() })
  .nullable()
  .meta({ examples: [{ amount: '1500.00', currency: 'KES' }] })

const reconciliationCase = z
  .object({
    id: z.string().meta({ examples: ['rec_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('reconciliation_case'),
    rail: z.string().meta({ examples: ['mpesa'] }),
    day: z.string().meta({ description: 'Day in BUSINESS_TIME_ZONE', examples: ['2026-01-15'] }),
    kind: z.enum(CASE_KINDS),
    subject: z.string().meta({ description: "Number of the provider's line, the receipt or the attempt" }),
    payment: z.string().nullable(),
    merchant: z.string().nullable(),
    ours: money,
    theirs: money,
    moved_at: timestamp,
    status: z.enum(CASE_STATES).meta({
      description: '`closed` or `credited` by an operator; `repaired` if a later comparison found no difference',
    }),
    suggested_action: z.string(),
    note: z.string().nullable(),
    created_at: timestamp,
    closed_at: timestamp.nullable(),
  })
  .meta({ id: 'ReconciliationCase', description: 'A difference between the ledger and the records of a provider' })

const page = z
  .object({ object: z.literal('list'), data: z.array(reconciliationCase), next_cursor: z.string().nullable() })
  .meta({ id: 'ReconciliationCaseList', description: 'A page of reconciliation cases' })

const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .refine((given) => isId('rec', given), 'is not valid: send next_cursor of the previous page')
    .optional(),
  status: z.enum(CASE_STATES).optional(),
  rail: text(20).optional(),
})

const resolution = z
  .strictObject({
    action: z.enum([...CASE_ACTIONS, 'credit']).meta({
      description:
        '`close`: an operator resolved it and nothing is posted. `retry`: the day is compared again, and the case closes if nothing differs. `credit`: money of kind `missing-here` is credited to `payment`, once.',
    }),
    payment: text(40).optional().meta({
      description: 'With `credit`: the payment that the money is for. Its currency must be that of the money.',
    }),
    note: text(1000).min(1),
  })
  .meta({ id: 'ResolveCase', examples: [{ action: 'close', note: 'Refunded at the provider, ticket 1042' }] })

const tags = ['Reconciliation']
const security = [{ bearer: [] }]

export function caseRoutes(app: HttpServer, api: Api): void {
  listRoute(app, api)
  resolveRoute(app, api)
}

function listRoute(app: HttpServer, { access, db, reconciliation }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/reconciliation/cases',
    onRequest: access.require('operations:read'),
    config: { refusals: refusals() },
    schema: {
      operationId: 'listReconciliationCases',
      tags,
      security,
      summary: 'List reconciliation cases, newest first',
      description:
        'A case is a difference between the ledger and a provider’s records. Lists cases of all merchants, so it needs an operator’s key.',
      querystring: listQuery,
      response: { 200: page },
    },
    handler: async (request) => {
      const { status: state, ...rest } = request.query
      const { items, nextCursor } = await reconciliation.listCases(db, { state, ...rest })
      return { object: 'list' as const, data: items.map(render), next_cursor: nextCursor ?? null }
    },
  })
}

function resolveRoute(app: HttpServer, { access, db, reconciliation, identity }: Api): void {
  app.route({
    method: 'POST',
    url: '/api/v1/reconciliation/cases/:id/resolve',
    onRequest: access.require('operations:write'),
    config: {
      refusals: refusals(
        'payments.no-such-case',
        'payments.not-found',
        'payments.case-over',
        ...CASE_PROBLEMS.map(({ code }) => code),
        ...BODY_CODES,
      ),
    },
    schema: {
      operationId: 'resolveReconciliationCase',
      tags,
      security,
      summary: 'Close or credit a reconciliation case, or compare its day again',
      params: z.object({ id: text(40) }),
      body: resolution,
      response: { 200: reconciliationCase },
    },
    handler: async (request) => {
      const { keyId } = access.callerOf(request)
      const { id } = request.params
      const { action, note, payment } = request.body
      requireFitting(action, payment)
      const audit = (tx: Tx, did: string, detail: Record<string, string>): Promise<void> =>
        identity.audit.record(tx, {
          actor: { type: 'key', id: keyId },
          action: `payments.case-${did}`,
          target: id,
          detail,
        })
      if (action === 'credit') {
        const intentId = payment ?? ''
        const detail = { payment: intentId, note }
        const credit = { id, intentId, note }
        return render(await reconciliation.credit(credit, (tx) => audit(tx, 'credited', detail)))
      }
      const done = (tx: Tx): Promise<void> => audit(tx, action === 'close' ? 'closed' : 'retried', { note })
      return render(await db.transaction((tx) => reconciliation.resolve(tx, { id, action, note }, done)))
    },
  })
}

function requireFitting(action: string, payment: string | undefined): void {
  if ((action === 'credit') === (payment !== undefined)) return
  const says =
    payment === undefined
      ? 'payment is required: name the payment that the money is for'
      : 'payment is only allowed with the action credit'
  throw new AppError('validation-failed', 422, says, { param: 'payment' })
}

const shown = (amount: Money | undefined): z.output<typeof money> =>
  amount ? { amount: formatAmount(amount), currency: currencyOf(amount.asset) } : null

const render = (one: Case): z.output<typeof reconciliationCase> => ({
  id: one.id,
  object: 'reconciliation_case',
  rail: one.rail,
  day: one.day,
  kind: one.kind,
  subject: one.subject,
  payment: one.intentId ?? null,
  merchant: one.merchantId ?? null,
  ours: shown(one.ours),
  theirs: shown(one.theirs),
  moved_at: one.movedAt.toISOString(),
  status: one.state,
  suggested_action: one.suggested,
  note: one.note ?? null,
  created_at: one.createdAt.toISOString(),
  closed_at: one.closedAt?.toISOString() ?? null,
})
