import { z } from 'zod'
import type { Payments, SettlementChange } from '#payments'
import type { Db } from '#platform/database/db'
import { defineJob, type Job } from '#platform/runtime/jobs'
import type { Webhooks } from '#webhooks'
import { renderSettlement } from '../resources/settlement.ts'

const TYPES = ['created', 'completed', 'returned'] as const satisfies readonly SettlementChange['type'][]
export const SETTLEMENT_EVENTS = ['settlement.created', 'settlement.completed', 'settlement.returned'] as const

const schema: z.ZodType<SettlementChange> = z.object({
  settlementId: z.string(),
  type: z.enum(TYPES),
  version: z.number().int(),
})

export interface SettlementDeps {
  readonly db: Db
  readonly payments: () => Pick<Payments, 'settlements'>
  readonly webhooks: Pick<Webhooks, 'publish'>
}

/** Job that `payments` enqueues when a settlement is created, completed or returned. Publishes the webhook event; repeatable. */
export const settlementChanged = ({ db, payments, webhooks }: SettlementDeps): Job<SettlementChange> =>
  defineJob({
    name: 'gateway.settlement-changed',
    schema,
    run: async ({ settlementId, type, version }) => {
      await db.transaction(async (tx) => {
        const found = await payments().settlements.find(tx, settlementId)
        if (!found) return
        const { id: objectId, merchantId, livemode } = found
        const render = (): object => renderSettlement(found)
        await webhooks.publish(tx, { merchantId, livemode, type: `settlement.${type}`, objectId, version, render })
      })
    },
  })
