import { z } from 'zod'
import { addMs, type Clock } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import { addTimer } from '../timers.ts'
import { requireStep } from './currency.ts'
import { missing, WireError } from './errors.ts'
import { stripeId, type Emit } from './events.ts'
import { refundOf, type Charge, type Refund } from './objects.ts'
import { findObject, insertObject, listRefundsOf, lockObject, updateObject } from './store.ts'

export interface RefundInput {
  readonly charge?: string | undefined
  readonly paymentIntent?: string | undefined
  readonly amount?: number | undefined
  readonly metadata?: Record<string, string> | undefined
}

export interface CardRefunds {
  create(tx: Tx, input: RefundInput): Promise<Refund>
  list(q: Queryable, charge: string): Promise<Refund[]>
  /** Completes the refund of a card with delayed refunds now. */
  end(tx: Tx, id: string, how: string): Promise<void>
}

interface Deps {
  clock: Clock
  ids: Ids
  emit: Emit
}

const LATER_MS = 60_000
const hiddenOf = z.object({ refunds: z.enum(['succeeds', 'fails']).optional() })

/** Creates refunds to cards. */
export const createCardRefunds = (deps: Deps): CardRefunds => ({
  create: (tx, input) => create(deps, tx, input),
  list: listRefundsOf,
  end: (tx, id, how) => end(deps, tx, id, how),
})

async function create({ clock, ids, emit }: Deps, tx: Tx, input: RefundInput): Promise<Refund> {
  const id = input.charge ?? (await chargeIdOf(tx, input.paymentIntent ?? ''))
  const kept = await lockObject(tx, id)
  if (kept?.body.object !== 'charge') throw missing('charge', id)
  const charge = kept.body as Charge
  const later = hiddenOf.parse(kept.hidden).refunds
  const amount = input.amount ?? charge.amount - charge.amount_refunded
  // The disputing bank has already withdrawn the money.
  if (charge['disputed'] === true) {
    throw new WireError(400, `Charge ${id} has been charged back; cannot issue a refund.`, { code: 'charge_disputed' })
  }
  if (charge.amount_refunded === charge.amount) {
    throw new WireError(400, `Charge ${id} has already been refunded.`, { code: 'charge_already_refunded' })
  }
  if (amount <= 0 || charge.amount_refunded + amount > charge.amount) {
    throw new WireError(400, 'Refund amount is greater than unrefunded amount on charge.', { param: 'amount' })
  }
  requireStep(amount, charge.currency)
  const now = clock.now()
  const fields = { amount, metadata: input.metadata ?? {}, status: later === 'succeeds' ? 'pending' : 'succeeded' }
  const made = refundOf(charge, fields, { id: stripeId(ids, 're'), created: Math.floor(now.getTime() / 1000) })
  await insertObject(tx, { body: made, hidden: {} }, now)
  const after = await setRefunded(tx, charge, charge.amount_refunded + amount)
  await emit(tx, { type: 'refund.created', object: made, livemode: charge.livemode === true })
  const previous = { amount_refunded: charge.amount_refunded, refunded: false }
  await emit(tx, { type: 'charge.refunded', object: after, previous })
  if (later) await addTimer(tx, ids, { kind: 'refund', subject: made.id, body: later, dueAt: addMs(now, LATER_MS) })
  return made
}

async function end({ emit }: Deps, tx: Tx, id: string, how: string): Promise<void> {
  const kept = await lockObject(tx, id)
  if (!kept) return
  const refund = kept.body as Refund
  const charge = (await lockObject(tx, refund.charge))?.body as Charge
  const livemode = charge.livemode === true
  if (how === 'succeeds') {
    if (refund.status !== 'pending') return
    const done = { ...refund, status: 'succeeded' }
    await updateObject(tx, done)
    await emit(tx, { type: 'refund.updated', object: done, previous: { status: refund.status }, livemode })
    return
  }
  if (refund.status === 'failed') return
  const failed = { ...refund, status: 'failed', failure_reason: 'expired_or_canceled_card' }
  await updateObject(tx, failed)
  await setRefunded(tx, charge, charge.amount_refunded - refund.amount)
  await emit(tx, { type: 'refund.failed', object: failed, previous: { status: refund.status }, livemode })
}

async function setRefunded(tx: Tx, charge: Charge, refunded: number): Promise<Charge> {
  const after: Charge = { ...charge, amount_refunded: refunded, refunded: refunded === charge.amount }
  await updateObject(tx, after)
  return after
}

async function chargeIdOf(q: Queryable, intentId: string): Promise<string> {
  const intent = await findObject(q, intentId)
  const id = intent?.body.latest_charge
  if (typeof id !== 'string') throw missing('payment_intent', intentId)
  return id
}
