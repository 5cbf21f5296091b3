import { z } from 'zod'

const price = z.object({ amount: z.string(), currency: z.string() })

/** The fields of an order that the rail reads. Statuses are text, so that a new status does not make the whole order unreadable. */
export const order = z.object({
  orderId: z.string().min(1).max(100),
  phase: z.string(),
  quote: z.object({ status: z.string().optional(), totalPrice: price.nullish() }).nullish(),
  payment: z.object({
    status: z.string(),
    currency: z.string().optional(),
    failureReason: z.object({ code: z.string() }).nullish(),
  }),
  lineItems: z
    .array(z.object({ delivery: z.object({ status: z.string(), txId: z.string().nullish() }).nullish() }))
    .min(1),
})
export type Order = z.output<typeof order>

/** An order in the list of orders. */
export const listedOrder = order.extend({
  createdAt: z.iso.datetime().transform((text) => new Date(text)),
  payment: order.shape.payment.extend({ refunded: price.nullish() }),
  lineItems: z
    .array(
      z.object({
        delivery: z
          .object({ status: z.string(), txId: z.string().nullish(), completedAt: z.iso.datetime().nullish() })
          .nullish(),
      }),
    )
    .min(1),
})
export type ListedOrder = z.output<typeof listedOrder>

export const orderPage = z.object({ data: z.array(listedOrder), nextCursor: z.string().max(2048).nullish() })

export const createdOrder = z.object({ clientSecret: z.string().min(1), order })

export const errorAnswer = z.object({ message: z.union([z.string(), z.array(z.string())]) })

export const event = z.object({ type: z.string(), actionId: z.string().optional(), data: z.unknown() })
export const orderOfEvent = z.object({ orderId: z.string().min(1).max(100) })
