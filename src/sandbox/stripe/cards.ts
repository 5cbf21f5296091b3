export type CardBehaviour =
  | { readonly kind: 'pays'; readonly disputed: boolean; readonly refunds?: RefundsLater }
  | { readonly kind: 'declines'; readonly code: string; readonly says: string }
  | { readonly kind: 'challenges' }

/** State of a refund after a minute: `succeeds` starts as pending, `fails` starts as succeeded. */
export type RefundsLater = 'succeeds' | 'fails'

export interface TestCard {
  readonly number: string
  /** Behaviour, as the page describes it. */
  readonly does: string
  readonly behaviour: CardBehaviour
}

/** Stripe's test numbers (docs.stripe.com/testing) that a payment needs. */
export const CARDS: readonly TestCard[] = [
  { number: '4242424242424242', does: 'Pays', behaviour: { kind: 'pays', disputed: false } },
  {
    number: '4000000000000002',
    does: 'Is declined',
    behaviour: { kind: 'declines', code: 'generic_decline', says: 'Your card was declined.' },
  },
  { number: '4000002500003155', does: 'Asks the payer to confirm (3-D Secure)', behaviour: { kind: 'challenges' } },
  {
    number: '4000000000009995',
    does: 'Has insufficient funds',
    behaviour: { kind: 'declines', code: 'insufficient_funds', says: 'Your card has insufficient funds.' },
  },
  {
    number: '4000000000000259',
    does: 'Pays, then the payment is disputed',
    behaviour: { kind: 'pays', disputed: true },
  },
  {
    number: '4000000000007726',
    does: 'Pays; a refund is pending for a minute',
    behaviour: { kind: 'pays', disputed: false, refunds: 'succeeds' },
  },
  {
    number: '4000000000005126',
    does: 'Pays; a refund fails after a minute',
    behaviour: { kind: 'pays', disputed: false, refunds: 'fails' },
  },
  { number: '5555555555554444', does: 'Pays (Mastercard)', behaviour: { kind: 'pays', disputed: false } },
]

export const findCard = (number: string): TestCard | undefined => CARDS.find((card) => card.number === number)

/** `4242 4242 4242 4242` */
export const formatCardNumber = (number: string): string => number.replaceAll(/(.{4})(?=.)/g, '$1 ')
