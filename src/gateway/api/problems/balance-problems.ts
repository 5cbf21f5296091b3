import type { Problem } from './problem.ts'

/** What can be wrong with prepaid balances and with transfers by hand. */
export const BALANCE_PROBLEMS = [
  {
    code: 'payments.no-such-transfer',
    status: 404,
    message: 'There is no manual transfer X2M4P-7K3Q9. List them: npx purser payments transfers',
    param: 'id',
    remedy: 'Check the payment code, or use the id of the attempt or of the payment.',
  },
  {
    code: 'payments.balance-too-low',
    status: 409,
    message:
      'The customer’s balance is KES 12.00, and KES 50.00 is due. Have it topped up first, or use another method.',
    remedy: 'Create a payment with top_up for the customer, or start an attempt with another method.',
  },
  {
    code: 'payments.transfer-not-open',
    status: 409,
    message: 'The transfer is settled already, so it cannot be changed.',
    remedy: 'Look the payment up. What was credited goes back by a refund.',
  },
  {
    code: 'payments.transfer-confirmed',
    status: 409,
    message:
      'The transfer is confirmed as FT26015K3M9P already. If the payer sent a second one with the same payment code, confirm it with `another`.',
    remedy: 'Compare the numbers. For a second transfer with one payment code send {"another": true}.',
  },
  {
    code: 'payments.number-used',
    status: 409,
    message: 'Another transfer was confirmed with this number. Check the number.',
    param: 'number',
    remedy: 'Each transfer of the bank’s books is counted once. Find out which payment it belongs to.',
  },
  {
    code: 'ledger.insufficient-funds',
    status: 409,
    message: 'The funds do not suffice.',
    remedy: 'Your available balance is smaller than the amount: look at GET /api/v1/balance.',
  },
  {
    code: 'ledger.transfer-mismatch',
    status: 409,
    message: 'Transfer 6f1c… was posted before with another amount.',
    remedy: 'This Idempotency-Key was used for another top-up of the customer, however long ago. Use a new one.',
  },
  {
    code: 'payments.no-customer',
    status: 422,
    message:
      'This payment names no customer, so there is no balance to pay from. Set customer.id when you create the payment.',
    param: 'method',
    remedy: 'Create the payment with customer.id and with balance among its methods.',
  },
  {
    code: 'payments.bad-number',
    status: 422,
    message: 'The number must be the one in the bank’s books: 3 to 60 letters, digits, dots, dashes and slashes.',
    param: 'number',
    remedy: 'Copy it from the statement.',
  },
] as const satisfies readonly Problem[]
