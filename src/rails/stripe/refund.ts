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

/** Metadata key of our refund id. */
const REFUND_KEY = 'purser_refund'

/** Most card refunds succeed at once. Some take days, and some fail weeks later, which only an event reports. */
const CHECK_AFTER_MS = [5000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 6 * 3_600_000]
/** Stripe forgets an idempotency key after a day. */
const SAME_KEY_MS = 23 * 3_600_000

interface Deps {
  readonly client: StripeClient
  readonly clock: Clock
  /** Returns why Stripe cannot be used now. */
  readonly problem: () => string | undefined
}

/** Refunds a charge to its card. */
export function refundingWith(deps: Deps): Refunding {
  const { client, problem } = deps
  return {
    to: 'receipt',
    unavailable: problem,
    // A refund can be smaller than the smallest payment.
    limits: (asset) => ({ ...limitsOf(asset), min: limitsOf(asset).step }),
    // Receipts of won disputes and returned refunds are not charges.
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
    return { kind: 'failed', reason: 'limit-exceeded', why: 'Stripe does not accept this amount' }
  try {
    return outcomeOf(await client.createRefund(requestOf(request)))
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    return error.maybeActed ? { kind: 'unknown', why: error.message } : toFailed(error)
  }
}

const toFailed = (error: StripeFailure): RefundOutcome => ({
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
    const created = all.find(({ metadata }) => metadata[REFUND_KEY] === ref.refundId)
    if (created) return outcomeOf(created)
    // A repeat with the same key creates at most one refund and returns its state.
    if (clock.now() < addMs(ref.sentAt, SAME_KEY_MS)) return outcomeOf(await client.createRefund(requestOf(ref)))
    return { kind: 'failed', reason: 'provider-unavailable', why: 'Stripe never received the request' }
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    if (ref.reference === undefined && error.code === 'stripe.rejected' && !error.maybeActed) return toFailed(error)
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

/** Source of the codes: https://docs.stripe.com/refunds#failed-refunds */
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

/** Returns the refund facts of an event. Refund events are complete and signed. `charge.refunded` only says that a refund exists. */
export function parseRefunds({ rawBody }: InboundEvent): readonly RefundFact[] {
  const event = parseEvent(rawBody)
  switch (event.type) {
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
    case 'charge.refund.updated':
      return observedRefund(event)
    case 'charge.refunded': {
      const { id: receiptId, metadata } = chargeShape.parse(event.data.object)
      return metadata?.[ATTEMPT_KEY] ? [{ kind: 'changed', receiptId }] : []
    }
    default:
      return []
  }
}

function observedRefund(event: SignedEvent): readonly RefundFact[] {
  const refund = toProvider(refundForm.parse(event.data.object))
  // A refund without a charge belongs to a kind of payment that Purser does not use.
  return refund.receiptId === '' ? [] : [{ kind: 'observed', refund }]
}
