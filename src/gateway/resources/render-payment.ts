import { currencyOf, formatAmount, money } from '#money'
import type { Attempt, Exchange, Intent } from '#payments'
import type { AttemptObject, PaymentObject } from './payment.ts'

/** Renders a payment for the API. */
export function renderPayment(intent: Intent, publicUrl: string): PaymentObject {
  const { asset } = intent.amount
  const due = intent.status === 'paid' ? 0n : intent.amount.amount - intent.received.amount
  return {
    id: intent.id,
    object: 'payment',
    version: intent.version,
    livemode: intent.livemode,
    status: intent.status,
    amount: formatAmount(intent.amount),
    currency: currencyOf(asset),
    amount_received: formatAmount(intent.received),
    amount_due: formatAmount(money(asset, due > 0n ? due : 0n)),
    amount_refunded: formatAmount(intent.refunded),
    uncounted: intent.uncounted?.map((one) => ({ amount: formatAmount(one), currency: currencyOf(one.asset) })) ?? [],
    flags: intent.flags,
    checkout_url: checkoutUrl(publicUrl, intent.id),
    methods: [...intent.methods],
    description: intent.description || null,
    reference: intent.reference ?? null,
    store: intent.terms['store'] ?? null,
    payment_link: intent.terms['link'] ?? null,
    customer: intent.customer
      ? {
          id: intent.customer.id ?? null,
          name: intent.customer.name ?? null,
          email: intent.customer.email ?? null,
          phone: intent.customer.phone ?? null,
        }
      : null,
    top_up: intent.topUp,
    return_url: intent.returnUrl ?? null,
    metadata: intent.metadata,
    expires_at: intent.expiresAt.toISOString(),
    created_at: intent.createdAt.toISOString(),
    attempts: intent.attempts.map(renderAttempt),
  }
}

export const checkoutUrl = (publicUrl: string, intentId: string): string => `${publicUrl}/pay/${intentId}`

export function renderAttempt(attempt: Attempt): AttemptObject {
  return {
    id: attempt.id,
    object: 'attempt',
    payment: attempt.intentId,
    method: attempt.method,
    status: attempt.status,
    reason: (attempt.status === 'settled' ? undefined : (attempt.reason ?? attempt.declined)) ?? null,
    amount: formatAmount(attempt.amount),
    currency: currencyOf(attempt.amount.asset),
    rate: attempt.exchange ? renderExchange(attempt.exchange) : null,
    redirect_url: attempt.redirectUrl ?? null,
    address: attempt.address ?? null,
    code: attempt.code ?? null,
    sent_at: attempt.sentAt?.toISOString() ?? null,
    payment_uri: attempt.paymentUri ?? null,
    amount_due: attempt.due ? formatAmount(attempt.due) : null,
    arrivals: attempt.deposits.map((deposit) => ({
      id: deposit.providerId,
      amount: formatAmount(deposit.amount),
      status: deposit.state,
      confirmations: deposit.confirmations?.have ?? null,
      confirmations_needed: deposit.confirmations?.need ?? null,
      at: deposit.at.toISOString(),
    })),
    expires_at: attempt.endsAt?.toISOString() ?? null,
    created_at: attempt.createdAt.toISOString(),
  }
}

const renderExchange = ({
  base,
  quote,
  text,
  sources,
  at,
  lockedUntil,
  spreadBps,
}: Exchange): AttemptObject['rate'] => ({
  base,
  quote,
  rate: text,
  sources: [...sources],
  at: at.toISOString(),
  locked_until: lockedUntil?.toISOString() ?? null,
  spread_bps: spreadBps,
})
