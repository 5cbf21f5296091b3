import { z } from 'zod'
import { minorUnits, parseEvent, type SignedEvent } from '#clients/stripe'
import type { Fact, InboundEvent } from '#rails/contract'
import { isId } from '#platform/base/ids'
import { fromStripe } from './amounts.ts'
import { reasonOfDecline } from './declines.ts'

/** Metadata key of the attempt id, on the session, the PaymentIntent and the charge. */
export const ATTEMPT_KEY = 'purser_attempt'
export const INTENT_KEY = 'purser_intent'

const metadata = z.record(z.string(), z.string()).nullish()
const sessionShape = z.object({ id: z.string(), client_reference_id: z.string().nullish(), metadata })
const intentShape = z.object({
  metadata,
  last_payment_error: z.object({ code: z.string().nullish(), decline_code: z.string().nullish() }).nullish(),
})
const disputeShape = z.object({
  id: z.string(),
  charge: z.union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)]),
  amount: minorUnits,
  currency: z.string(),
  status: z.string(),
  reason: z.string(),
})

/**
 * Returns the facts of a stored event. Events repeat and arrive in any order, so a session event only triggers `check`, which fetches the current
 * session. Events about declines and disputes are complete and signed, so they need no check. Refund events are parsed in refund.ts. Ignores
 * events of other programs on the same Stripe account.
 */
export function parseFacts({ rawBody }: InboundEvent): readonly Fact[] {
  const event = parseEvent(rawBody)
  switch (event.type) {
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded':
    case 'checkout.session.async_payment_failed':
    case 'checkout.session.expired':
      return sessionNews(event)
    case 'payment_intent.payment_failed':
      return declineNews(event)
    case 'charge.dispute.created':
    case 'charge.dispute.updated':
    case 'charge.dispute.funds_withdrawn':
    case 'charge.dispute.funds_reinstated':
    case 'charge.dispute.closed':
      return dispute(event)
    default:
      return []
  }
}

function sessionNews(event: SignedEvent): readonly Fact[] {
  const { id: reference, client_reference_id: attemptId, metadata: tags } = sessionShape.parse(event.data.object)
  if (!attemptId || attemptId !== tags?.[ATTEMPT_KEY] || !isId('att', attemptId)) return []
  const outcome =
    event.type === 'checkout.session.expired'
      ? ({ kind: 'failed', reason: 'expired', reference } as const)
      : ({ kind: 'pending', reference } as const)
  return [{ about: { reference }, outcome, needsCheck: true }]
}

/** The payer can use another card on the same page, so the attempt stays pending. */
function declineNews(event: SignedEvent): readonly Fact[] {
  const { metadata: tags, last_payment_error: error } = intentShape.parse(event.data.object)
  const attemptId = tags?.[ATTEMPT_KEY]
  if (!attemptId || !isId('att', attemptId)) return []
  const declined = reasonOfDecline(error?.decline_code ?? error?.code ?? '')
  return [{ about: { attemptId }, outcome: { kind: 'pending', declined }, needsCheck: false }]
}

/**
 * A dispute reverses the money at once. An inquiry (`warning_…`) reverses nothing, but can become a dispute. A won dispute returns the money. All
 * events of a dispute have the same id, so it is reversed once and returned once.
 * Source: https://docs.stripe.com/disputes/how-disputes-work
 */
function dispute(event: SignedEvent): readonly Fact[] {
  const { id, charge: receiptId, amount, currency, status, reason } = disputeShape.parse(event.data.object)
  if (status.startsWith('warning_') || status === 'prevented') return []
  const about = { receiptId }
  const gross = fromStripe({ amount, currency })
  if (status === 'won' || event.type === 'charge.dispute.funds_reinstated') {
    const at = new Date(event.created * 1000)
    const receipt = { id: `${id}:won`, gross, at, final: true, stated: true, returns: id }
    return [{ about, outcome: { kind: 'received', receipts: [receipt] }, needsCheck: false }]
  }
  const outcome = { kind: 'reversed', receiptId, amount: gross, reason: `disputed: ${reason}`, reversalId: id } as const
  return [{ about, outcome, needsCheck: false }]
}
