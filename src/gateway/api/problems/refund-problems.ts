import type { Problem } from './problem.ts'

/** Why money cannot be given back now. */
export const REFUND_PROBLEMS = [
  {
    code: 'payments.nothing-to-refund',
    status: 409,
    message: 'Nothing of this payment is left to refund.',
    remedy: 'Nothing arrived, or all of it went back or is on its way back: list the payment’s refunds.',
  },
  {
    code: 'payments.refund-too-large',
    status: 409,
    message: 'At most KES 500.00 of this payment is left to refund.',
    param: 'amount',
    remedy: 'Ask for no more than the message names. Refunds that are pending or claimable count as gone.',
  },
  {
    code: 'payments.refund-in-parts',
    status: 409,
    message:
      'This payment came in several parts, each of which goes back by itself: refund at most KES 1000.00 at once, or by a link.',
    param: 'amount',
    remedy: 'Make one refund for each part, or one by a link for all: {"method": "claim"}.',
  },
  {
    code: 'payments.refund-to-balance',
    status: 409,
    message:
      'KES 600.00 of this payment came out of the customer’s balance and goes back there alone: refund that by itself, without a link.',
    param: 'method',
    remedy: 'Make one refund of that amount without method, and another for the rest.',
  },
  {
    code: 'payments.refund-rate',
    status: 409,
    message:
      'This payment came in another currency: it is refunded in its own currency, at the rate at which it was paid.',
    param: 'amount_basis',
    remedy:
      'Use paid_rate or fiat: the money was exchanged when it came, and is in your balance in the payment’s currency.',
  },
  {
    code: 'payments.insufficient-balance',
    status: 409,
    message: 'The refund takes KES 1500.00 and the balance has KES 500.00.',
    remedy: 'Wait until payments come in, or refund less. The operator may allow a debt: REFUNDS_BEYOND_BALANCE=debt.',
  },
  {
    code: 'payments.refund-over',
    status: 409,
    message: 'The refund is succeeded: it cannot be canceled any more.',
    remedy: 'Only a link that nobody has used can be taken back.',
  },
] as const satisfies readonly Problem[]
