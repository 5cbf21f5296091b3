import type { Problem } from './problem.ts'

/** Errors of prepaid balances and of manual transfers. */
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
    remedy: 'Retrieve the payment. To return money that was credited, create a refund.',
  },
  {
    code: 'payments.transfer-confirmed',
    status: 409,
    message:
      'The transfer is confirmed as FT26015K3M9P already. If the payer sent a second one with the same payment code, confirm it with `another`.',
    remedy: 'Compare the numbers. To confirm a second transfer with the same payment code, send {"another": true}.',
  },
  {
    code: 'payments.number-used',
    status: 409,
    message: 'Another transfer was confirmed with this number. Check the number.',
    param: 'number',
    remedy: 'Each transfer on the bank statement counts once. Find out which payment it belongs to.',
  },
  {
    code: 'ledger.insufficient-funds',
    status: 409,
    message: 'The balance is too low. Use a smaller amount, or add money first.',
    remedy: 'Your available balance is lower than the amount. Check GET /api/v1/balance.',
  },
  {
    code: 'ledger.transfer-mismatch',
    status: 409,
    message: 'Transfer 6f1c… was posted before with another amount.',
    remedy: 'This Idempotency-Key was used for another top-up of the same customer. It never expires: use a new one.',
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
    message: 'The number must be the one on the bank statement: 3 to 60 letters, digits, dots, dashes and slashes.',
    param: 'number',
    remedy: 'Copy the number from the bank statement.',
  },
] as const satisfies readonly Problem[]
