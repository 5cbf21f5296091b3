import {
  parseEvent,
  refundForm,
  StripeFailure,
  type CardRefund,
  type SignedEvent,
  type StripeClient,
} from '#clients/stripe'
import type {
  FailureReason,
  InboundEvent,
  ProviderRefund,
  RefundFact,
  Refunding,
  RefundOutcome,
  RefundRef,
  RefundRequest,
} from '#rails/contract'
import { addMs, type Clock } from '#platform/base/clock'
import { isId } from '#platform/base/ids'
import { z } from 'zod'
import { fromStripe, limitsOf, toStripe } from './amounts.ts'
import { ATTEMPT_KEY } from './facts.ts'

/** Under this name our id of the refund stands in its metadata. */
const REFUND_KEY = 'purser_refund'

/** Most card refunds are done at once; some take days, and some fail weeks later, which only an event tells. */
const CHECK_AFTER_MS = [5000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 6 * 3_600_000]
/** Stripe forgets an idempotency key after a day. */
const SAME_KEY_MS = 23 * 3_600_000

interface Deps {
  readonly client: StripeClient
  readonly clock: Clock
  /** Why Stripe cannot be used now. */
  readonly problem: () => string | undefined
}

/** Back to the card, as Stripe does it: a refund of a charge. */
export function refundingWith(deps: Deps): Refunding {
  const { client, problem } = deps
  return {
    to: 'receipt',
    unavailable: problem,
    // What a payment cannot be as small as, a refund can.
    limits: (asset) => ({ ...limitsOf(asset), min: limitsOf(asset).step }),
    // A dispute won or a refund returned is money of the charge, but no charge.
    takes: (receiptId) => /^(?:ch|py)_\w+$/.test(receiptId),
    checkAfterMs: CHECK_AFTER_MS,
    send: (request) => send(deps, request),
    check: (ref) => check(deps, ref),
    parse: parseRefunds,
    list: async (receiptId) => (await client.listRefunds(receiptId)).map((refund) => toProvider(refund)),
  }
}

const requestOf = ({ refundId, sendingId, receiptId = '', amount }: RefundRequest) => ({
  idempotencyKey: sendingId,
  charge: receiptId,
  amount: toStripe(amount).amount,
  metadata: { [REFUND_KEY]: refundId },
})

async function send({ client, problem }: Deps, request: RefundRequest): Promise<RefundOutcome> {
  const off = problem()
  if (off) return { kind: 'failed', reason: 'provider-unavailable', why: off }
  const { amount, asset } = request.amount
  const { max, step } = limitsOf(asset)
  if (amount < step || amount > max || amount % step !== 0n)
    return { kind: 'failed', reason: 'limit-exceeded', why: 'Stripe does not take this amount' }
  try {
    return outcomeOf(await client.createRefund(requestOf(request)))
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    return error.maybeActed ? { kind: 'unknown', why: error.message } : refusedBy(error)
  }
}

const refusedBy = (error: StripeFailure): RefundOutcome => ({
  kind: 'failed',
  reason: error.code === 'stripe.rejected' ? 'provider-rejected' : 'provider-unavailable',
  why: error.message,
})

async function check({ client, clock, problem }: Deps, ref: RefundRef): Promise<RefundOutcome> {
  const known = ref.reference === undefined ? {} : { reference: ref.reference }
  const off = problem()
  if (off) return { kind: 'unknown', why: off, ...known }
  try {
    if (ref.reference !== undefined) return outcomeOf(await client.fetchRefund(ref.reference))
    const all = await client.listRefunds(ref.receiptId ?? '')
    const ours = all.find(({ metadata }) => metadata[REFUND_KEY] === ref.refundId)
    if (ours) return outcomeOf(ours)
    // The same request with the same key is answered as the first was, or as the first should have been: it is one refund either way.
    if (clock.now() < addMs(ref.sentAt, SAME_KEY_MS)) return outcomeOf(await client.createRefund(requestOf(ref)))
    return { kind: 'failed', reason: 'provider-unavailable', why: 'Stripe never got the request' }
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    if (ref.reference === undefined && error.code === 'stripe.rejected' && !error.maybeActed) return refusedBy(error)
    return { kind: 'unknown', why: error.message, ...known }
  }
}

function outcomeOf({ id: reference, status, failureReason }: CardRefund): RefundOutcome {
  switch (status) {
    case 'succeeded':
      return { kind: 'succeeded', reference }
    case 'pending':
    case 'requires_action':
      return { kind: 'pending', reference }
    case 'failed':
    case 'canceled':
      return { kind: 'failed', reason: reasonOf(failureReason), why: failureReason ?? status, reference }
    case undefined:
    default:
      return { kind: 'unknown', why: `refund status ${status ?? 'none'}`, reference }
  }
}

/** https://docs.stripe.com/refunds#failed-refunds */
function reasonOf(failureReason: string | undefined): FailureReason {
  switch (failureReason) {
    case 'declined':
    case 'lost_or_stolen_card':
      return 'declined'
    case 'expired_or_canceled_card':
      return 'expired'
    case 'insufficient_funds':
      return 'insufficient-funds'
    case undefined:
    default:
      return 'provider-rejected'
  }
}

const toProvider = (refund: CardRefund): ProviderRefund => {
  const refundId = refund.metadata[REFUND_KEY]
  return {
    reference: refund.id,
    refundId: refundId !== undefined && isId('re', refundId) ? refundId : undefined,
    receiptId: refund.charge ?? '',
    amount: fromStripe(refund),
    outcome: outcomeOf(refund),
  }
}

const chargeShape = z.object({ id: z.string(), metadata: z.record(z.string(), z.string()).nullish() })

/** Events of refunds hold all there is to say and are signed; that of the charge only says that there is one. */
export function parseRefunds({ rawBody }: InboundEvent): readonly RefundFact[] {
  const event = parseEvent(rawBody)
  switch (event.type) {
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
    case 'charge.refund.updated':
      return told(event)
    case 'charge.refunded': {
      const { id: receiptId, metadata } = chargeShape.parse(event.data.object)
      return metadata?.[ATTEMPT_KEY] ? [{ kind: 'changed', receiptId }] : []
    }
    default:
      return []
  }
}

function told(event: SignedEvent): readonly RefundFact[] {
  const refund = toProvider(refundForm.parse(event.data.object))
  // Without a charge it is of another kind of payment, which we do not take.
  return refund.receiptId === '' ? [] : [{ kind: 'observed', refund }]
}
