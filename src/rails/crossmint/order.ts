import { assetOf, isCurrency, isZero, parseAmount, type Money } from '#money'
import type { FailureReason, Outcome } from '#rails/contract'
import type { Order } from './wire.ts'

export const USD = assetOf('USD')

/** Statuses in which the payer can still pay, or Crossmint still works. `completed` is not among them: it says nothing of the delivery. */
const PENDING = new Set([
  'requires-quote',
  'requires-crypto-payer-address',
  'requires-email',
  'requires-physical-address',
  'requires-kyc',
  'manual-kyc',
  'requires-recipient-verification',
  'awaiting-payment',
  'in-progress',
])

/** The payer may try again on the same page: the attempt goes on. */
const REFUSED: Readonly<Record<string, FailureReason>> = {
  'failed-kyc': 'authentication-failed',
  'rejected-kyc': 'authentication-failed',
  'crypto-payer-insufficient-funds': 'insufficient-funds',
  'crypto-payer-insufficient-funds-for-gas': 'insufficient-funds',
}

/** Codes of `failureReason` that have a word of their own with us; the rest is `declined`. */
const DECLINES: readonly (readonly [part: RegExp, reason: FailureReason])[] = [
  [/insufficient[-_]?funds/i, 'insufficient-funds'],
  [/3ds|authenticat|kyc/i, 'authentication-failed'],
  [/limit/i, 'limit-exceeded'],
]

/**
 * What an order says of the attempt. Paid is only what was paid and delivered: a card is captured when the delivery is done, and a delivery
 * that fails is given back by Crossmint. `phase: completed` alone says neither.
 */
export function outcomeOf(order: Order, at: Date): Outcome {
  const { orderId: reference, payment, phase } = order
  const unknown = (why: string): Outcome => ({ kind: 'unknown', why, reference })
  const deliveries = order.lineItems.map(({ delivery }) => delivery?.status ?? 'none')
  if (payment.status === 'completed') {
    if (deliveries.includes('failed'))
      return { kind: 'failed', reason: 'provider-rejected', why: 'not delivered: Crossmint gives it back', reference }
    return paidOutcome(order, { at, final: deliveries.every((status) => status === 'completed') })
  }
  if (payment.status === 'failed') {
    return { kind: 'failed', reason: reasonOf(payment.failureReason?.code), why: 'the payment failed', reference }
  }
  const refused = Object.hasOwn(REFUSED, payment.status) ? REFUSED[payment.status] : undefined
  if (!refused && !PENDING.has(payment.status)) return unknown(`payment status ${payment.status}, phase ${phase}`)
  if (phase === 'completed') return unknown(`completed, though the payment is ${payment.status}`)
  const declined = refused ?? (payment.failureReason ? reasonOf(payment.failureReason.code) : undefined)
  return { kind: 'pending', reference, ...(declined ? { declined } : {}) }
}

/** Paid and delivered. */
export const isPaid = ({ payment, lineItems }: Pick<Order, 'payment' | 'lineItems'>): boolean =>
  payment.status === 'completed' && lineItems.every(({ delivery }) => delivery?.status === 'completed')

function paidOutcome(order: Order, { at, final }: { at: Date; final: boolean }): Outcome {
  const { orderId: reference } = order
  const gross = priceOf(order)
  if (!gross) return { kind: 'unknown', why: 'paid, but its price in dollars is not told', reference }
  const number = order.lineItems.find(({ delivery }) => delivery?.txId)?.delivery?.txId
  const receipt = { id: reference, ...(number ? { number } : {}), gross, at, final, stated: true }
  return { kind: 'received', receipts: [receipt], reference }
}

/** The order's total in US dollars, which it was made in; undefined when it names none. */
export function priceOf({ quote }: Pick<Order, 'quote'>): Money | undefined {
  const total = amountOf(quote?.totalPrice)
  return total?.asset === USD && !isZero(total) ? total : undefined
}

/** Undefined for what is no amount of a currency that we know. */
export function amountOf(
  told: { readonly amount: string; readonly currency: string } | null | undefined,
): Money | undefined {
  const code = told?.currency.toUpperCase() ?? ''
  if (!told || !isCurrency(code)) return undefined
  const read = parseAmount(told.amount, assetOf(code))
  return 'problem' in read ? undefined : read
}

const reasonOf = (code = ''): FailureReason => DECLINES.find(([part]) => part.test(code))?.[1] ?? 'declined'
