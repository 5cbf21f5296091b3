import type { Clock } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import type { CardBehaviour, RefundsLater } from './cards.ts'
import { missing } from './errors.ts'
import { stripeId, type Emit } from './events.ts'
import { balanceOf, chargeOf, disputeOf, intentOf, type PaymentIntent } from './objects.ts'
import type { StoredSession, Session, Sessions } from './sessions.ts'
import { insertObject, lockObject, updateObject, type StripeObject } from './store.ts'

export type PayResult =
  | { readonly kind: 'paid'; readonly session: Session }
  | { readonly kind: 'declined'; readonly says: string }
  | { readonly kind: 'challenge' }
  | { readonly kind: 'closed'; readonly session: Session }

export interface CardPayments {
  /** The payer submits the card form. */
  pay(tx: Tx, sessionId: string, behaviour: CardBehaviour): Promise<PayResult>
  /** The payer answers the bank's 3-D Secure challenge. */
  answerChallenge(tx: Tx, sessionId: string, approved: boolean): Promise<PayResult>
}

interface Deps {
  clock: Clock
  ids: Ids
  emit: Emit
  sessions: Sessions
}

export function createCardPayments(deps: Deps): CardPayments {
  const { sessions } = deps
  return {
    pay: async (tx, sessionId, behaviour) => {
      const kept = await sessions.require(tx, sessionId)
      if (kept.body.status !== 'open') return { kind: 'closed', session: kept.body }
      const intent = await ensureIntent(deps, tx, kept)
      switch (behaviour.kind) {
        case 'pays':
          return succeed(deps, tx, { session: kept.body, intent, ...behaviour })
        case 'declines': {
          const error = { code: 'card_declined', decline_code: behaviour.code, message: behaviour.says }
          return decline(deps, tx, intent, error)
        }
        case 'challenges':
          await updateObject(tx, { ...intent, status: 'requires_action' })
          return { kind: 'challenge' }
      }
    },
    answerChallenge: async (tx, sessionId, approved) => {
      const kept = await sessions.require(tx, sessionId)
      if (kept.body.status !== 'open') return { kind: 'closed', session: kept.body }
      const intent = await ensureIntent(deps, tx, kept)
      if (intent.status !== 'requires_action')
        return { kind: 'declined', says: 'There is nothing to confirm. Enter a card number.' }
      if (approved) return succeed(deps, tx, { session: kept.body, intent, disputed: false })
      return decline(deps, tx, intent, { code: 'payment_intent_authentication_failure', message: NOT_AUTHENTICATED })
    },
  }
}

const NOT_AUTHENTICATED =
  'We are unable to authenticate your payment method. Please choose a different payment method and try again.'

const createStamp = ({ ids, clock }: Deps, prefix: string): { id: string; created: number } => ({
  id: stripeId(ids, prefix),
  created: Math.floor(clock.now().getTime() / 1000),
})

/** Returns the session's PaymentIntent. Like Stripe, creates it at the payer's first attempt. */
async function ensureIntent(deps: Deps, tx: Tx, { body: session, hidden }: StoredSession): Promise<PaymentIntent> {
  if (session.payment_intent) return (await requireObject(tx, session.payment_intent)) as PaymentIntent
  const intent = intentOf(session, hidden.paymentMetadata, createStamp(deps, 'pi'))
  await insertObject(tx, { body: intent, hidden: {} }, deps.clock.now())
  await updateObject(tx, { ...session, payment_intent: intent.id })
  return intent
}

async function succeed(
  deps: Deps,
  tx: Tx,
  {
    session,
    intent,
    disputed,
    refunds,
  }: { session: Session; intent: PaymentIntent; disputed: boolean; refunds?: RefundsLater },
): Promise<PayResult> {
  const { clock, emit } = deps
  const made = createStamp(deps, 'ch')
  const balance = balanceOf(session, made.id, createStamp(deps, 'txn'))
  const charge = chargeOf(session, intent, balance.id, made)
  const sums = { amount_received: session.amount_total, latest_charge: charge.id, last_payment_error: null }
  const paidIntent = { ...intent, ...sums, status: 'succeeded' }
  const paid: Session = { ...session, payment_intent: intent.id, payment_status: 'paid', status: 'complete', url: null }
  await insertObject(tx, { body: balance, hidden: {} }, clock.now())
  await insertObject(tx, { body: { ...charge, disputed }, hidden: { refunds } }, clock.now())
  await updateObject(tx, paidIntent)
  await updateObject(tx, paid)
  await emit(tx, { type: 'charge.succeeded', object: charge })
  await emit(tx, { type: 'payment_intent.succeeded', object: paidIntent })
  await emit(tx, { type: 'checkout.session.completed', object: paid })
  if (disputed) await emit(tx, { type: 'charge.dispute.created', object: disputeOf(charge, createStamp(deps, 'du')) })
  return { kind: 'paid', session: paid }
}

async function decline(
  { emit }: Deps,
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

async function requireObject(tx: Tx, id: string): Promise<StripeObject> {
  const kept = await lockObject(tx, id)
  if (!kept) throw missing('object', id)
  return kept.body
}
