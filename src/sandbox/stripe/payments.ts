import type { Clock } from '#platform/clock'
import type { Tx } from '#platform/db'
import type { Ids } from '#platform/ids'
import type { CardBehaviour } from './cards.ts'
import { missing, WireError } from './errors.ts'
import { stripeId, type Emit } from './events.ts'
import type { KeptSession, Session, Sessions } from './sessions.ts'
import { findObject, insertObject, lockObject, updateObject, type Kept, type StripeObject } from './store.ts'

interface PaymentIntent extends StripeObject {
  readonly status: string
  readonly latest_charge: string | null
  readonly last_payment_error: object | null
}

interface Charge extends StripeObject {
  readonly amount: number
  readonly amount_refunded: number
  readonly payment_intent: string
  readonly currency: string
}

export type PayResult =
  | { readonly kind: 'paid'; readonly session: Session }
  | { readonly kind: 'declined'; readonly says: string }
  | { readonly kind: 'challenge' }
  | { readonly kind: 'closed'; readonly session: Session }

export interface CardPayments {
  /** The payer sends the card form. */
  pay(tx: Tx, sessionId: string, behaviour: CardBehaviour): Promise<PayResult>
  /** The payer answers the bank's question (3-D Secure). */
  answerChallenge(tx: Tx, sessionId: string, approved: boolean): Promise<PayResult>
  refund(tx: Tx, input: { charge?: string; paymentIntent?: string; amount?: number }): Promise<StripeObject>
}

export function createCardPayments(deps: { clock: Clock; ids: Ids; emit: Emit; sessions: Sessions }): CardPayments {
  const { clock, ids, emit, sessions } = deps
  const seconds = (): number => Math.floor(clock.now().getTime() / 1000)

  /** The session's PaymentIntent, which Stripe makes when the payer first tries. */
  async function ensureIntent(tx: Tx, { body: session, hidden }: KeptSession): Promise<PaymentIntent> {
    if (session.payment_intent) return (await requireKept(tx, session.payment_intent)).body as PaymentIntent
    const intent: PaymentIntent = {
      id: stripeId(ids, 'pi'),
      object: 'payment_intent',
      amount: session.amount_total,
      amount_received: 0,
      created: seconds(),
      currency: session.currency,
      last_payment_error: null,
      latest_charge: null,
      livemode: session.livemode === true,
      metadata: hidden.paymentMetadata,
      payment_method_types: ['card'],
      status: 'requires_payment_method',
    }
    await insertObject(tx, { body: intent, hidden: {} }, clock.now())
    await updateObject(tx, { ...session, payment_intent: intent.id })
    return intent
  }

  async function succeed(tx: Tx, session: Session, intent: PaymentIntent, disputed: boolean): Promise<PayResult> {
    const chargeId = stripeId(ids, 'ch')
    const balance = balanceOf(session, chargeId, stripeId(ids, 'txn'), seconds())
    const charge = chargeOf(session, intent, { id: chargeId, balance: balance.id, created: seconds() })
    const paidIntent = {
      ...intent,
      status: 'succeeded',
      amount_received: session.amount_total,
      latest_charge: charge.id,
      last_payment_error: null,
    }
    const paid: Session = {
      ...session,
      payment_intent: intent.id,
      payment_status: 'paid',
      status: 'complete',
      url: null,
    }
    for (const body of [balance, charge]) await insertObject(tx, { body, hidden: {} }, clock.now())
    await updateObject(tx, paidIntent)
    await updateObject(tx, paid)
    await emit(tx, { type: 'charge.succeeded', object: charge })
    await emit(tx, { type: 'payment_intent.succeeded', object: paidIntent })
    await emit(tx, { type: 'checkout.session.completed', object: paid })
    if (disputed)
      await emit(tx, { type: 'charge.dispute.created', object: disputeOf(charge, stripeId(ids, 'du'), seconds()) })
    return { kind: 'paid', session: paid }
  }

  async function decline(
    tx: Tx,
    intent: PaymentIntent,
    error: { code: string; decline_code?: string; message: string },
  ): Promise<PayResult> {
    const declined = {
      ...intent,
      status: 'requires_payment_method',
      last_payment_error: { ...error, type: 'card_error' },
    }
    await updateObject(tx, declined)
    await emit(tx, { type: 'payment_intent.payment_failed', object: declined })
    return { kind: 'declined', says: error.message }
  }

  return {
    pay: async (tx, sessionId, behaviour) => {
      const kept = await sessions.require(tx, sessionId)
      if (kept.body.status !== 'open') return { kind: 'closed', session: kept.body }
      const intent = await ensureIntent(tx, kept)
      if (behaviour.kind === 'pays') return succeed(tx, kept.body, intent, behaviour.disputed)
      if (behaviour.kind === 'declines') {
        return decline(tx, intent, { code: 'card_declined', decline_code: behaviour.code, message: behaviour.says })
      }
      await updateObject(tx, { ...intent, status: 'requires_action' })
      return { kind: 'challenge' }
    },
    answerChallenge: async (tx, sessionId, approved) => {
      const kept = await sessions.require(tx, sessionId)
      if (kept.body.status !== 'open') return { kind: 'closed', session: kept.body }
      const intent = await ensureIntent(tx, kept)
      if (intent.status !== 'requires_action')
        return { kind: 'declined', says: 'There is nothing to confirm. Enter a card.' }
      if (approved) return succeed(tx, kept.body, intent, false)
      const message =
        'We are unable to authenticate your payment method. Please choose a different payment method and try again.'
      return decline(tx, intent, { code: 'payment_intent_authentication_failure', message })
    },
    refund: async (tx, input) => {
      const id = input.charge ?? (await chargeIdOf(tx, input.paymentIntent ?? ''))
      const charge = (await requireKept(tx, id)).body as Charge
      const amount = input.amount ?? charge.amount - charge.amount_refunded
      if (charge.object !== 'charge' || amount <= 0 || charge.amount_refunded + amount > charge.amount) {
        throw new WireError(400, 'Refund amount is greater than unrefunded amount on charge.', { param: 'amount' })
      }
      const refunded = charge.amount_refunded + amount
      const after: Charge = { ...charge, amount_refunded: refunded, refunded: refunded === charge.amount }
      await updateObject(tx, after)
      const { currency, livemode, payment_intent: intent } = charge
      const refund = {
        id: stripeId(ids, 're'),
        object: 'refund',
        amount,
        charge: id,
        currency,
        payment_intent: intent,
        status: 'succeeded',
      }
      await insertObject(tx, { body: refund, hidden: {} }, clock.now())
      const previous = { amount_refunded: charge.amount_refunded, refunded: false }
      await emit(tx, { type: 'charge.refunded', object: { ...after, livemode: livemode === true }, previous })
      return refund
    },
  }
}

async function requireKept(tx: Tx, id: string): Promise<Kept> {
  const kept = await lockObject(tx, id)
  if (!kept) throw missing('object', id)
  return kept
}

async function chargeIdOf(tx: Tx, intentId: string): Promise<string> {
  const intent = await findObject(tx, intentId)
  const id = intent?.body.latest_charge
  if (typeof id !== 'string') throw missing('payment_intent', intentId)
  return id
}

/** 2.9 % and 30 minor units, rounded down. */
function balanceOf(session: Session, source: string, id: string, created: number): StripeObject {
  const fee = Math.min(session.amount_total, Math.floor((session.amount_total * 29) / 1000) + 30)
  const { amount_total: amount, currency } = session
  return {
    id,
    object: 'balance_transaction',
    amount,
    created,
    currency,
    fee,
    net: amount - fee,
    source,
    status: 'pending',
    type: 'charge',
  }
}

function chargeOf(
  session: Session,
  intent: PaymentIntent,
  { id, balance, created }: { id: string; balance: string; created: number },
): Charge {
  return {
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
  }
}

function disputeOf(charge: Charge, id: string, created: number): StripeObject {
  const { amount, currency, livemode, payment_intent: intent } = charge
  const about = { charge: charge.id, payment_intent: intent, reason: 'fraudulent', status: 'needs_response' }
  return { id, object: 'dispute', amount, created, currency, livemode: livemode === true, metadata: {}, ...about }
}
