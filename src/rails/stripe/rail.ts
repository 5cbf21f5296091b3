import {
  createStripe,
  readSignedEvent,
  StripeFailure,
  type CheckoutSession,
  type NewSession,
  type StripeClient,
  type StripeSettings,
} from '#clients/stripe'
import type {
  AttemptRef,
  Collect,
  CollectRequest,
  InboundRequest,
  Outcome,
  Rail,
  RailDeps,
  Verdict,
} from '#rails/contract'
import { addMs } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import { AppError } from '#platform/base/errors'
import { timeOfId } from '#platform/base/ids'
import { assets, fromStripe, limitsOf, toStripe, type StripeAmount } from './amounts.ts'
import type { Money } from '#money'
import { keyProblem, type StripeConfig } from './config.ts'
import { reasonOfDecline } from './declines.ts'
import { ATTEMPT_KEY, INTENT_KEY, parseFacts } from './facts.ts'
import { refundingWith } from './refund.ts'
import { createStatement } from './statement.ts'

export type StripeDeps = Omit<RailDeps<StripeConfig>, 'log'>

const MINUTE_MS = 60_000
/** Stripe requires sessions to expire after 30 minutes to 24 hours. The margins cover clock differences and slow requests. */
const SHORTEST_MS = 35 * MINUTE_MS
const LONGEST_MS = (24 * 60 - 5) * MINUTE_MS
const LIFETIME_MS = 24 * 60 * MINUTE_MS
const CHECK_AFTER_MS = [5000, 5000, 10_000, 10_000, 15_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000]

/** Creates the card rail over Stripe Checkout. The payer enters the card on Stripe's page, never on ours. */
export function createStripeRail(deps: StripeDeps): Rail {
  const client = createStripe({ fetch: deps.fetch, settings: () => requireSettings(deps) })
  return {
    name: 'stripe',
    method: 'card',
    assets,
    unavailable: () => problemOf(deps),
    limits: limitsOf,
    collect: collectWith(deps, client),
    refund: refundingWith({ client, clock: deps.clock, problem: () => problemOf(deps) }),
    webhook: { verify: (request) => verify(deps, request), parse: parseFacts },
    statement: createStatement(client),
  }
}

function collectWith(deps: StripeDeps, client: StripeClient): Collect {
  return {
    kind: 'page',
    needs: [],
    checkAfterMs: CHECK_AFTER_MS,
    lifetimeMs: LIFETIME_MS,
    start: (request) => start(deps, client, request),
    check: (attempt) => check(deps, client, attempt),
    close: (attempt) => close(deps, client, attempt),
  }
}

async function start(deps: StripeDeps, client: StripeClient, request: CollectRequest): Promise<Outcome> {
  const problem = problemOf(deps)
  if (problem) return { kind: 'failed', reason: 'provider-unavailable', why: problem }
  const { asset, amount } = request.amount
  const { min, max, step } = limitsOf(asset)
  if (!assets.includes(asset) || amount < min || amount > max || amount % step !== 0n) {
    return { kind: 'failed', reason: 'limit-exceeded', why: 'Stripe does not accept this amount' }
  }
  try {
    return outcomeOf(deps, request, await client.createSession(newSession(request)))
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    if (error.maybeActed) return { kind: 'unknown', why: error.message }
    const reason = error.code === 'stripe.rejected' ? 'provider-rejected' : 'provider-unavailable'
    return { kind: 'failed', reason, why: error.message }
  }
}

async function check(deps: StripeDeps, client: StripeClient, attempt: AttemptRef): Promise<Outcome> {
  const reference = attempt.reference === undefined ? {} : { reference: attempt.reference }
  const problem = problemOf(deps)
  if (problem) return { kind: 'unknown', why: problem, ...reference }
  if (attempt.reference === undefined && deps.clock.now() > addMs(attempt.createdAt, LIFETIME_MS)) {
    // Stripe has forgotten the idempotency key, and no payer saw the page: it can no longer be paid.
    return { kind: 'failed', reason: 'expired', why: 'the page was never shown' }
  }
  try {
    const id = attempt.reference ?? (await client.createSession(newSession(attempt.request))).id
    return outcomeOf(deps, attempt.request, await client.fetchSession(id))
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    if (attempt.reference === undefined && error.code === 'stripe.rejected' && !error.maybeActed) {
      return { kind: 'failed', reason: 'provider-rejected', why: error.message }
    }
    return { kind: 'unknown', why: error.message, ...reference }
  }
}

/** Expires the session. Stripe refuses this for a paid or expired session; the next check reports which. */
async function close(deps: StripeDeps, client: StripeClient, { reference }: AttemptRef): Promise<void> {
  if (reference === undefined || problemOf(deps) !== undefined) return
  await client.expireSession(reference).catch((error: unknown) => {
    if (!(error instanceof StripeFailure)) throw error
  })
}

/**
 * Builds the session from `request` alone. A repeat with the same key must have identical fields, or Stripe refuses it. Therefore the expiry
 * counts from the time in the attempt id, not from now.
 */
function newSession(request: CollectRequest): NewSession {
  const { attemptId, intentId, payer, description, merchantName, returnUrl } = request
  const createdAt = timeOfId(attemptId)
  const earliest = addMs(createdAt, SHORTEST_MS)
  const latest = addMs(createdAt, LONGEST_MS)
  const expiresAt = request.expiresAt < earliest ? earliest : request.expiresAt > latest ? latest : request.expiresAt
  return {
    idempotencyKey: attemptId,
    clientReferenceId: attemptId,
    metadata: { [ATTEMPT_KEY]: attemptId, [INTENT_KEY]: intentId },
    ...toStripe(request.amount),
    productName: (description || merchantName || 'Payment').slice(0, 250),
    description: description || undefined,
    email: payer.email,
    successUrl: returnUrl,
    cancelUrl: returnUrl,
    expiresAt,
  }
}

function outcomeOf({ mode }: StripeDeps, request: CollectRequest, session: CheckoutSession): Outcome {
  const { id: reference, payment } = session
  const unknown = (why: string): Outcome => ({ kind: 'unknown', why, reference })
  if (session.livemode !== (mode === 'live'))
    return unknown(`the session belongs to ${session.livemode ? 'live' : 'test'} mode`)
  if (session.clientReferenceId !== request.attemptId) return unknown('the session belongs to another attempt')
  if (session.paymentStatus === 'paid') return paid(mode, session)
  if (session.paymentStatus !== 'unpaid') return unknown(`payment status ${session.paymentStatus}`)
  switch (session.status) {
    case 'open': {
      const redirect = session.url === undefined ? {} : { redirectUrl: session.url }
      const declined = payment?.declineCode === undefined ? {} : { declined: reasonOfDecline(payment.declineCode) }
      return { kind: 'pending', reference, ...redirect, ...declined }
    }
    case 'complete':
      return { kind: 'pending', reference }
    case 'expired':
      return { kind: 'failed', reason: 'expired', reference }
    case undefined:
    default:
      return unknown(`session status ${session.status ?? 'none'}`)
  }
}

function paid(mode: Mode, { id: reference, payment }: CheckoutSession): Outcome {
  const charge = payment?.charge
  if (!charge?.succeeded) return { kind: 'unknown', why: 'paid, but the session has no successful charge', reference }
  if (charge.livemode !== (mode === 'live'))
    return { kind: 'unknown', why: 'the charge belongs to another mode', reference }
  const gross = fromStripe(charge)
  // If Stripe settles in another currency, the fee is in that currency. It is not booked, because it is not part of the received amount.
  const fee = charge.fee?.currency === charge.currency ? readFee(charge.fee) : {}
  // Stripe creates the balance transaction, which contains the fee, after the charge.
  const feeLater = charge.fee === undefined ? { feeLater: true } : {}
  const receipt = { id: charge.id, gross, ...fee, ...feeLater, at: charge.createdAt, final: true, stated: true }
  return { kind: 'received', receipts: [receipt], reference }
}

function verify({ mode, config }: StripeDeps, request: InboundRequest): Verdict {
  const { webhookSecret } = config()
  if (!webhookSecret) return { ok: false, status: 404, why: 'STRIPE_WEBHOOK_SECRET is not set: the endpoint is off' }
  const signature = request.headers['stripe-signature']
  if (typeof signature !== 'string') return { ok: false, status: 401, why: 'the header Stripe-Signature is missing' }
  try {
    const event = readSignedEvent(request.rawBody, signature, webhookSecret, request.now)
    if (event.livemode !== (mode === 'live'))
      return { ok: false, status: 400, why: 'the event belongs to another mode' }
    return { ok: true, eventId: event.id }
  } catch {
    return { ok: false, status: 401, why: 'the signature or the format is wrong' }
  }
}

function problemOf({ mode, config }: StripeDeps): string | undefined {
  const { secretKey } = config()
  return secretKey ? keyProblem(secretKey.reveal(), mode) : 'Cards are off: set STRIPE_SECRET_KEY'
}

function requireSettings(deps: StripeDeps): StripeSettings {
  const { secretKey, baseUrl } = deps.config()
  if (!secretKey) throw new AppError('payments.rail-unavailable', 503, problemOf(deps) ?? 'Cards are off')
  return { secretKey, baseUrl }
}

/**
 * Reads the fee. Stripe writes ISK and UGX with two decimals that amounts must not use; a fee may still use them. Such a fee is not booked,
 * because it must not keep the receipt from being counted.
 */
function readFee(fee: StripeAmount): { fee?: Money } {
  try {
    return { fee: fromStripe(fee) }
  } catch {
    return {}
  }
}
