import { z } from 'zod'
import { REFUND_STATUSES, type Payments, type RefundChange } from '#payments'
import { defineJob, type Job } from '#platform/runtime/jobs'
import { renderRefund } from '../resources/refund.ts'
import type { PaymentEventDeps } from './payment-events.ts'

/** Webhook events of refunds. */
export const REFUND_EVENTS = [
  'refund.created',
  'refund.claimable',
  'refund.succeeded',
  'refund.failed',
  'refund.canceled',
  'refund.expired',
] as const

const schema: z.ZodType<RefundChange> = z.object({
  refundId: z.string(),
  type: z.enum(['created', ...REFUND_STATUSES]),
  version: z.number().int(),
})

type Deps = Omit<PaymentEventDeps, 'payments'> & { readonly payments: () => Pick<Payments, 'find' | 'refunds'> }

/** Job that `payments` enqueues when a refund changes. Publishes the webhook event; repeatable. */
export const refundChanged = ({ db, payments, webhooks, publicUrl }: Deps): Job<RefundChange> =>
  defineJob({
    name: 'gateway.refund-changed',
    schema,
    run: async ({ refundId, type, version }) => {
      // Pending only means that the payer chose a destination. The merchant needs no event for it.
      if (type === 'pending') return
      await db.transaction(async (tx) => {
        const refund = await payments().refunds.find(tx, { id: refundId })
        const intent = refund && (await payments().find(tx, { id: refund.intentId }))
        if (!refund || !intent) return
        const { merchantId, livemode } = intent
        // Omit the refund link: deliveries are stored, and keys that may not move money can read them.
        const render = (): object => renderRefund(refund, { publicUrl: publicUrl(), livemode, claim: false })
        await webhooks.publish(tx, {
          merchantId,
          livemode,
          type: `refund.${type}`,
          objectId: refundId,
          version,
          render,
        })
      })
    },
  })
