import { z } from 'zod'
import type { HttpServer } from '#platform/web/http'
import { isId } from '#platform/base/ids'
import { renderSettlement, settlement } from '../../resources/settlement.ts'
import { refusals } from '../problems/problems.ts'
import type { Api } from '../access/api.ts'

const list = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .refine((given) => isId('stl', given), 'is not valid: send next_cursor of the previous page')
    .optional(),
  status: z.enum(['pending', 'settled', 'returned']).optional(),
})
const page = z
  .object({ object: z.literal('list'), data: z.array(settlement), next_cursor: z.string().nullable() })
  .meta({ id: 'SettlementList' })

export function settlementRoutes(app: HttpServer, { access, db, payments }: Api): void {
  app.route({
    method: 'GET',
    url: '/api/v1/settlements',
    onRequest: access.require('balance:read'),
    config: { refusals: refusals() },
    schema: {
      operationId: 'listSettlements',
      tags: ['Balance'],
      security: [{ bearer: [] }],
      summary: 'List settlements, newest first',
      description:
        'Received money is `pending` in the balance until the merchant’s hold has passed. Then the fee is deducted and the rest is `available`. A ' +
        'merchant without hold and fee has no settlements: its money is available immediately.',
      querystring: list,
      response: { 200: page },
    },
    handler: async (request) => {
      const { merchantId } = access.callerOf(request)
      const { status, ...query } = request.query
      const { items, nextCursor } = await payments.settlements.list(db, { merchantId, ...query, state: status })
      return { object: 'list' as const, data: items.map(renderSettlement), next_cursor: nextCursor ?? null }
    },
  })
}
