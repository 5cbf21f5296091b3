import { z } from 'zod'
import type { IntentChange, Payments } from '#payments'
import type { Db } from '#platform/database/db'
import { defineJob, type Job } from '#platform/runtime/jobs'
import type { Webhooks } from '#webhooks'
import { renderPayment } from '../resources/render-payment.ts'

/** Webhook events of payments. */
export const PAYMENT_EVENTS = [
  'payment.created',
  'payment.processing',
  'payment.paid',
  'payment.partially_paid',
  'payment.overpaid',
  'payment.expired',
  'payment.canceled',
  'payment.failed',
  'payment.reversed',
] as const
type PaymentEvent = (typeof PAYMENT_EVENTS)[number]

const TYPES = [
  'open',
  'processing',
  'paid',
  'expired',
  'canceled',
  'failed',
  'reversed',
  'created',
  'received',
  'attempt-failed',
] as const satisfies readonly IntentChange['type'][]

const schema: z.ZodType<IntentChange> = z.object({
  intentId: z.string(),
  type: z.enum(TYPES),
  version: z.number().int(),
  partial: z.boolean(),
  overpaid: z.boolean(),
})

export interface PaymentEventDeps {
  readonly db: Db
  /** A function, because `payments` is created with this job. */
  readonly payments: () => Pick<Payments, 'find'>
  readonly webhooks: Pick<Webhooks, 'publish'>
  readonly publicUrl: () => string
}

/** Job that `payments` enqueues when a payment changes. Publishes the webhook events; repeatable. */
export const paymentChanged = ({ db, payments, webhooks, publicUrl }: PaymentEventDeps): Job<IntentChange> =>
  defineJob({
    name: 'gateway.payment-changed',
    schema,
    run: async ({ intentId, version, ...change }) => {
      await db.transaction(async (tx) => {
        const intent = await payments().find(tx, { id: intentId })
        if (!intent) return
        const { merchantId, livemode } = intent
        const render = (): object => renderPayment(intent, publicUrl())
        for (const event of eventsOf(change)) {
          await webhooks.publish(tx, { merchantId, livemode, type: event, objectId: intentId, version, render })
        }
      })
    },
  })

/**
 * Returns the events of a change, in order. They depend on the state at the time of the change, so a backlog still publishes each event once.
 * An overpayment has a separate event besides `payment.paid`, because the merchant may have to act on it.
 */
export function eventsOf({
  type,
  partial,
  overpaid,
}: Omit<IntentChange, 'intentId' | 'version'>): readonly PaymentEvent[] {
  switch (type) {
    case 'paid':
      return overpaid ? ['payment.paid', 'payment.overpaid'] : ['payment.paid']
    case 'open':
    case 'received':
      if (overpaid) return ['payment.overpaid']
      return partial ? ['payment.partially_paid'] : []
    // Another attempt may follow, so the merchant has nothing to do.
    case 'attempt-failed':
      return []
    case 'created':
    case 'processing':
    case 'expired':
    case 'canceled':
    case 'failed':
    case 'reversed':
      return [`payment.${type}`]
  }
}
