import { stepOf } from './currency.ts'
import type { Session } from './sessions.ts'
import type { StripeObject } from './store.ts'

export interface PaymentIntent extends StripeObject {
  readonly status: string
  readonly latest_charge: string | null
  readonly last_payment_error: object | null
}

export interface Charge extends StripeObject {
  readonly amount: number
  readonly amount_refunded: number
  readonly payment_intent: string
  readonly currency: string
}

/** Id and creation time (in seconds) of an object. */
interface Made {
  readonly id: string
  readonly created: number
}

export const intentOf = (session: Session, metadata: Record<string, string>, { id, created }: Made): PaymentIntent => ({
  id,
  object: 'payment_intent',
  amount: session.amount_total,
  amount_received: 0,
  created,
  currency: session.currency,
  last_payment_error: null,
  latest_charge: null,
  livemode: session.livemode === true,
  metadata,
  payment_method_types: ['card'],
  status: 'requires_payment_method',
})

export const chargeOf = (session: Session, intent: PaymentIntent, balance: string, { id, created }: Made): Charge => ({
  id,
  object: 'charge',
  amount: session.amount_total,
  amount_captured: session.amount_total,
  amount_refunded: 0,
  balance_transaction: balance,
  captured: true,
  created,
  currency: session.currency,
  disputed: false,
  livemode: session.livemode === true,
  metadata: intent.metadata,
  paid: true,
  payment_intent: intent.id,
  refunded: false,
  status: 'succeeded',
})

/** Charges 2.9 % and 30 minor units, rounded down to the precision of Stripe's amounts. */
export function balanceOf(session: Session, source: string, { id, created }: Made): StripeObject {
  const { amount_total: amount, currency } = session
  const exact = Math.min(amount, Math.floor((amount * 29) / 1000) + 30)
  const fee = exact - (exact % stepOf(currency))
  const sums = { amount, currency, fee, net: amount - fee }
  return { id, object: 'balance_transaction', created, source, status: 'pending', type: 'charge', ...sums }
}

export function disputeOf(charge: Charge, { id, created }: Made): StripeObject {
  const { amount, currency, livemode, payment_intent: intent } = charge
  const about = { charge: charge.id, payment_intent: intent, reason: 'fraudulent', status: 'needs_response' }
  return { id, object: 'dispute', amount, created, currency, livemode: livemode === true, metadata: {}, ...about }
}

export interface Refund extends StripeObject {
  readonly amount: number
  readonly charge: string
  readonly status: string
}

export function refundOf(
  charge: Charge,
  { amount, metadata, status }: { amount: number; metadata: Record<string, string>; status: string },
  { id, created }: Made,
): Refund {
  const { currency, payment_intent: intent } = charge
  return {
    id,
    object: 'refund',
    amount,
    charge: charge.id,
    created,
    currency,
    metadata,
    payment_intent: intent,
    reason: null,
    status,
  }
}
