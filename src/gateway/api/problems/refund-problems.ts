import type { Problem } from './problem.ts'

/** Errors of refunds. */
export const REFUND_PROBLEMS = [
  {
    code: 'payments.nothing-to-refund',
    status: 409,
    message: 'Nothing of this payment is left to refund.',
    remedy: 'No money arrived, or all of it is refunded or being refunded. List the payment’s refunds.',
  },
  {
    code: 'payments.refund-too-large',
    status: 409,
    message: 'At most KES 500.00 of this payment is left to refund.',
    param: 'amount',
    remedy: 'Refund at most the amount in the message. Pending and claimable refunds reduce it.',
  },
  {
    code: 'payments.refund-in-parts',
    status: 409,
    message:
      'This payment arrived in several parts, and each part is refunded separately: refund at most KES 1000.00 at once, or use a refund link.',
    param: 'amount',
    remedy: 'Create one refund for each part, or one refund link for all: {"method": "claim"}.',
  },
  {
    code: 'payments.refund-to-balance',
    status: 409,
    message:
      'KES 600.00 of this payment was paid from the customer’s balance and can only go back there: refund that amount separately, without a link.',
    param: 'method',
    remedy: 'Create one refund of that amount without method, and another for the rest.',
  },
  {
    code: 'payments.refund-rate',
    status: 409,
    message:
      'This payment arrived in another currency: it is refunded in the payment’s currency, at the rate at which it was paid.',
    param: 'amount_basis',
    remedy:
      'Use paid_rate or fiat. The money was exchanged on arrival and is in your balance in the payment’s currency.',
  },
  {
    code: 'payments.insufficient-balance',
    status: 409,
    message: 'The refund takes KES 1500.00 and the balance has KES 500.00.',
    remedy: 'Wait for new payments, or refund less. The operator can allow a debt: REFUNDS_BEYOND_BALANCE=debt.',
  },
  {
    code: 'payments.refund-over',
    status: 409,
    message: 'The refund is succeeded: it can no longer be canceled.',
    remedy: 'Only a claimable refund, whose link is unused, can be canceled.',
  },
] as const satisfies readonly Problem[]
