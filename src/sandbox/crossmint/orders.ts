import { addMs } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import type { SimulatorDeps } from '../simulator.ts'
import { objectsOf, type StoredObject } from '../store.ts'
import { addTimer } from '../timers.ts'

export const NAME = 'crossmint'

interface Delivery {
  readonly status: 'awaiting-payment' | 'in-progress' | 'completed' | 'failed'
  readonly txId?: string
  readonly completedAt?: string
}

/** An order as the API shows it. */
export interface Order {
  readonly orderId: string
  readonly createdAt: string
  readonly phase: 'quote' | 'payment' | 'delivery' | 'completed'
  readonly locale: string
  readonly lineItems: readonly { readonly delivery: Delivery; readonly [field: string]: unknown }[]
  readonly quote: {
    readonly status: string
    readonly quotedAt: string
    readonly expiresAt: string
    readonly totalPrice: { readonly amount: string; readonly currency: string }
  }
  readonly payment: {
    readonly status: string
    readonly method: string
    readonly currency: string
    readonly failureReason?: { readonly code: string; readonly message: string }
    readonly refunded?: { readonly amount: string; readonly currency: string }
    readonly [field: string]: unknown
  }
}

export interface OrderHidden {
  readonly clientSecret: string
  readonly livemode: boolean
  /** Whether delivery fails. */
  readonly undeliverable?: boolean
}

export type StoredOrder = StoredObject<Order, OrderHidden>

export type Payment =
  'pays' | 'pays-undeliverable' | { readonly declined: string; readonly says: string } | 'empty-wallet'

export interface NewOrder {
  readonly dollars: string
  readonly method: string
  readonly lineItem: object
  readonly email: string | undefined
  readonly livemode: boolean
}

export interface Orders {
  create(tx: Tx, input: NewOrder): Promise<StoredOrder>
  find(tx: Tx, id: string): Promise<StoredOrder | undefined>
  /** Lists newest first, older than a given order. */
  list(q: Queryable, of: { before: string | undefined; limit: number }): Promise<readonly StoredOrder[]>
  /** Records the payer's attempt to pay. */
  pay(tx: Tx, order: StoredOrder, payment: Payment): Promise<StoredOrder>
  /** Delivers a paid order, or fails its delivery. */
  deliver(tx: Tx, id: string): Promise<void>
}

const QUOTED_FOR_MS = 10 * 60_000
const DELIVERED_AFTER_MS = 2000
const objects = objectsOf<Order, OrderHidden>(NAME)

export function createOrders(deps: Pick<SimulatorDeps, 'clock' | 'ids' | 'emit'>): Orders {
  const { clock, ids, emit } = deps
  const emitOrderEvent = (tx: Tx, type: string, order: Order): Promise<void> =>
    emit(tx, { kind: `${NAME}.event`, body: JSON.stringify({ type, actionId: ids.uuid(), data: order }) })
  const change = async (tx: Tx, before: StoredOrder, body: Order, ...types: string[]): Promise<StoredOrder> => {
    const after = { ...before, body }
    await objects.update(tx, after)
    for (const type of types) await emitOrderEvent(tx, type, body)
    return after
  }
  return {
    find: (tx, id) => objects.lock(tx, id),
    list: (q, of) => objects.list(q, of),
    create: async (tx, input) => {
      const orderId = ids.uuid()
      const body = quoted(orderId, input, clock.now())
      const kept = { id: orderId, body, hidden: { clientSecret: ids.secret(24), livemode: input.livemode } }
      await objects.insert(tx, kept, clock.now())
      await emitOrderEvent(tx, 'orders.quote.created', body)
      return kept
    },
    pay: async (tx, order, payment) => {
      const { body } = order
      if (body.phase !== 'payment') return order
      if (payment === 'empty-wallet') {
        return change(tx, order, withPayment(body, { status: 'crypto-payer-insufficient-funds' }))
      }
      if (typeof payment === 'object') {
        const failureReason = { code: payment.declined, message: payment.says }
        return change(tx, order, withPayment(body, { failureReason }), 'orders.payment.failed')
      }
      const paid: Order = withDelivery(withPayment(body, { status: 'completed' }), { status: 'in-progress' })
      const undeliverable = payment === 'pays-undeliverable'
      const kept = { ...order, hidden: { ...order.hidden, undeliverable } }
      await addTimer(tx, ids, {
        kind: `${NAME}.delivery`,
        subject: order.id,
        dueAt: addMs(clock.now(), DELIVERED_AFTER_MS),
      })
      return change(tx, kept, { ...paid, phase: 'delivery' }, 'orders.payment.succeeded', 'orders.delivery.initiated')
    },
    deliver: async (tx, id) => {
      const order = await objects.lock(tx, id)
      if (order?.body.phase !== 'delivery') return
      if (order.hidden.undeliverable) {
        const refunded = withPayment(order.body, { refunded: order.body.quote.totalPrice })
        const failed: Order = { ...withDelivery(refunded, { status: 'failed' }), phase: 'completed' }
        await change(tx, order, failed, 'orders.delivery.failed')
        return
      }
      const completedAt = clock.now().toISOString()
      const delivered = withDelivery(order.body, { status: 'completed', txId: ids.secret(32), completedAt })
      await change(tx, order, { ...delivered, phase: 'completed' }, 'orders.delivery.completed')
    },
  }
}

const quoted = (orderId: string, { dollars, method, lineItem, email }: NewOrder, now: Date): Order => ({
  orderId,
  createdAt: now.toISOString(),
  phase: 'payment',
  locale: 'en-US',
  lineItems: [{ ...lineItem, delivery: { status: 'awaiting-payment' } }],
  quote: {
    status: 'valid',
    quotedAt: now.toISOString(),
    expiresAt: addMs(now, QUOTED_FOR_MS).toISOString(),
    totalPrice: { amount: dollars, currency: 'usd' },
  },
  payment: { status: 'awaiting-payment', method, currency: 'usd', ...(email ? { receiptEmail: email } : {}) },
})

/** Applies a new attempt and clears the previous failure. */
function withPayment(order: Order, changed: Partial<Order['payment']>): Order {
  const { failureReason: _, ...before } = order.payment
  return { ...order, payment: { ...before, ...changed } }
}

const withDelivery = (order: Order, delivery: Delivery): Order => ({
  ...order,
  lineItems: order.lineItems.map((item) => ({ ...item, delivery })),
})
