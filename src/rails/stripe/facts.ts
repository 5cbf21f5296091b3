import { z } from 'zod'
import { minorUnits, parseEvent, type SignedEvent } from '#clients/stripe'
import type { Fact, InboundEvent } from '#rails/contract'
import { isId } from '#platform/base/ids'
import { fromStripe } from './amounts.ts'
import { reasonOfDecline } from './declines.ts'

/** Under this name the attempt's id stands in the metadata of the session, the PaymentIntent and the charge. */
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
 * What a stored event says. Events come more than once and in any order, so those about a session only say that there is news, and `check`
 * fetches it as it is now. Those about a declined card or a dispute say all there is to say, and are signed; refunds are read in refund.ts. Events of
 * other programs on the same Stripe account say nothing to us.
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

/** The payer may try another card on the same page: the attempt goes on. */
function declineNews(event: SignedEvent): readonly Fact[] {
  const { metadata: tags, last_payment_error: error } = intentShape.parse(event.data.object)
  const attemptId = tags?.[ATTEMPT_KEY]
  if (!attemptId || !isId('att', attemptId)) return []
  const declined = reasonOfDecline(error?.decline_code ?? error?.code ?? '')
  return [{ about: { attemptId }, outcome: { kind: 'pending', declined }, needsCheck: false }]
}

/**
 * An opened dispute takes the money at once; a mere inquiry (`warning_…`) takes none, though it may become a dispute later; one won gives
 * back what was taken. All events of a dispute carry its id, so that it takes and gives once.
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
