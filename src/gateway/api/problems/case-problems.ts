import type { Problem } from './problem.ts'

/** Errors of crediting the money of a reconciliation case. */
export const CASE_PROBLEMS = [
  {
    code: 'payments.case-not-money',
    status: 409,
    message:
      'Only a missing-here case whose money names no attempt can be credited; this case is amount-differs. Close it with a note, or retry its day.',
    remedy: 'Resolve it at the provider and close the case with a note, or compare its day again: {"action": "retry"}.',
  },
  {
    code: 'payments.case-other-currency',
    status: 409,
    message:
      'The money is USD 15.00 and the payment is in KES. Credit a payment in USD, or refund the money at the provider.',
    param: 'payment',
    remedy: 'Name a payment in the currency of the money, or refund the money at the provider and close the case.',
  },
  {
    code: 'payments.case-counted',
    status: 409,
    message:
      'The money of case rec_01kd3vq7m2e8wtzr4c9x5bnh6f is counted for another payment already. Retry the case, which compares its day again.',
    remedy: 'Compare its day again: {"action": "retry"}. The case then closes by itself.',
  },
] as const satisfies readonly Problem[]
