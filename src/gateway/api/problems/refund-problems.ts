import type { Problem } from './problem.ts'

/** Errors of refunds. */
export const REFUND_PROBLEMS = [
  {
    code: 'payments.nothing-to-refund',
    status: 409,
    message: 'This payment has no refundable amount left.',
    remedy: 'No money arrived, or all of it is refunded or being refunded. List the payment’s refunds.',
  },
  {
    code: 'payments.refund-too-large',
    status: 409,
    message: 'At most KES 500.00 of this payment can be refunded. Request a smaller amount.',
    param: 'amount',
    remedy: 'Refund at most the amount in the message. Pending and claimable refunds reduce it.',
  },
  {
    code: 'payments.refund-in-parts',
    status: 409,
    message:
      'This payment was made in several parts, and each is refunded separately. Refund at most KES 1000.00 at once, or use a link.',
    param: 'amount',
    remedy: 'Create one refund for each part, or one refund link for all: {"method": "claim"}.',
  },
  {
    code: 'payments.refund-to-balance',
    status: 409,
    message:
      'KES 600.00 of this payment came from the customer’s balance and can only return there. Refund that amount separately, without a link.',
    param: 'method',
    remedy: 'Create one refund of that amount without method, and another for the rest.',
  },
  {
    code: 'payments.refund-rate',
    status: 409,
    message:
      'This payment was made in another currency. It is refunded in its own currency, at the rate of the payment. Use paid_rate or fiat.',
    param: 'amount_basis',
    remedy:
      'Use paid_rate or fiat. The money was exchanged on arrival and is in your balance in the payment’s currency.',
  },
  {
    code: 'payments.insufficient-balance',
    status: 409,
    message: 'The refund needs KES 1500.00 and the balance has KES 500.00. Refund less, or wait for more payments.',
    remedy: 'Wait for new payments, or refund less. The operator can allow a debt: REFUNDS_BEYOND_BALANCE=debt.',
  },
  {
    code: 'payments.refund-over',
    status: 409,
    message: 'The refund is succeeded and cannot be canceled.',
    remedy: 'Only a claimable refund, whose link is unused, can be canceled.',
  },
] as const satisfies readonly Problem[]
