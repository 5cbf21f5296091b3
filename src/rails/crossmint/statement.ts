import { isZero } from '#money'
import type { RailStatement, StatementLine } from '#rails/contract'
import { addMs } from '#platform/base/clock'
import type { Crossmint } from './client.ts'
import { amountOf, isPaid } from './order.ts'
import type { ListedOrder } from './wire.ts'

const REACH_MS = 31 * 24 * 60 * 60_000

/**
 * Lists the project's paid and delivered orders. Crossmint sorts by creation time, and an order can be paid for `lifetimeMs` after its
 * creation, so the list is read back that far. The order id is the attempt's reference. Orders of other programs of the project are lines too.
 */
export const createStatement = (client: Crossmint, lifetimeMs: number): RailStatement => ({
  reachMs: REACH_MS,
  list: async ({ from, cursor }) => {
    const { orders, next } = await client.listOrders(cursor)
    const oldest = orders.at(-1)?.createdAt
    const isLastPage = oldest === undefined || oldest < addMs(from, -lifetimeMs)
    return { lines: orders.filter(isPaid).map(lineOf), cursor: isLastPage ? undefined : next }
  },
})

function lineOf({ orderId, quote, payment, lineItems, createdAt }: ListedOrder): StatementLine {
  const gross = amountOf(quote?.totalPrice)
  if (!gross || isZero(gross)) throw new RangeError(`Crossmint's list has an invalid order: ${orderId}`)
  const deliveries = lineItems.flatMap(({ delivery }) => delivery ?? [])
  const number = deliveries.find(({ txId }) => txId)?.txId
  const at = deliveries.find(({ completedAt }) => completedAt)?.completedAt
  const returned = amountOf(payment.refunded)
  return {
    id: orderId,
    receiptId: orderId,
    reference: orderId,
    gross,
    at: at ? new Date(at) : createdAt,
    ...(number ? { number } : {}),
    ...(returned?.asset === gross.asset ? { returned } : {}),
  }
}
