import { assetOf, isCurrency, isZero, parseAmount, type Money } from '#money'
import type { FailureReason, Outcome } from '#rails/contract'
import type { Order } from './wire.ts'

export const USD = assetOf('USD')

/** Payment statuses in which the payer can still pay, or Crossmint is processing. `completed` is not listed: it does not cover the delivery. */
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

/** Refusals after which the payer can pay again on the same page, so the attempt stays pending. */
const REFUSED: Readonly<Record<string, FailureReason>> = {
  'failed-kyc': 'authentication-failed',
  'rejected-kyc': 'authentication-failed',
  'crypto-payer-insufficient-funds': 'insufficient-funds',
  'crypto-payer-insufficient-funds-for-gas': 'insufficient-funds',
}

/** Codes of `failureReason` that have a specific reason. All others are `declined`. */
const DECLINES: readonly (readonly [part: RegExp, reason: FailureReason])[] = [
  [/insufficient[-_]?funds/i, 'insufficient-funds'],
  [/3ds|authenticat|kyc/i, 'authentication-failed'],
  [/limit/i, 'limit-exceeded'],
]

/**
 * Returns the outcome of an order. A receipt is final only if the order is paid and delivered: Crossmint captures a card after the delivery and
 * refunds a failed delivery. `phase: completed` alone proves neither.
 */
export function outcomeOf(order: Order, at: Date): Outcome {
  const { orderId: reference, payment, phase } = order
  const unknown = (why: string): Outcome => ({ kind: 'unknown', why, reference })
  const deliveries = order.lineItems.map(({ delivery }) => delivery?.status ?? 'none')
  if (payment.status === 'completed') {
    if (deliveries.includes('failed'))
      return {
        kind: 'failed',
        reason: 'provider-rejected',
        why: 'not delivered: Crossmint refunds the payer',
        reference,
      }
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

/** Whether the order is paid and delivered. */
export const isPaid = ({ payment, lineItems }: Pick<Order, 'payment' | 'lineItems'>): boolean =>
  payment.status === 'completed' && lineItems.every(({ delivery }) => delivery?.status === 'completed')

function paidOutcome(order: Order, { at, final }: { at: Date; final: boolean }): Outcome {
  const { orderId: reference } = order
  const gross = priceOf(order)
  if (!gross) return { kind: 'unknown', why: 'paid, but the order states no price in US dollars', reference }
  const number = order.lineItems.find(({ delivery }) => delivery?.txId)?.delivery?.txId
  const receipt = { id: reference, ...(number ? { number } : {}), gross, at, final, stated: true }
  return { kind: 'received', receipts: [receipt], reference }
}

/** Returns the order's total in US dollars, the currency of our orders; undefined if it states none. */
export function priceOf({ quote }: Pick<Order, 'quote'>): Money | undefined {
  const total = amountOf(quote?.totalPrice)
  return total?.asset === USD && !isZero(total) ? total : undefined
}

/** Parses an amount. Returns undefined if it is missing, invalid or in an unknown currency. */
export function amountOf(
  price: { readonly amount: string; readonly currency: string } | null | undefined,
): Money | undefined {
  const code = price?.currency.toUpperCase() ?? ''
  if (!price || !isCurrency(code)) return undefined
  const read = parseAmount(price.amount, assetOf(code))
  return 'problem' in read ? undefined : read
}

const reasonOf = (code = ''): FailureReason => DECLINES.find(([part]) => part.test(code))?.[1] ?? 'declined'
