import { AppError } from '#platform/base/errors'
import { explainInvalidMobile, type MobileCountry } from '#platform/base/phone'

/** Errors of this module. Each message says what happened and what to do. */
export const notFound = (): AppError =>
  new AppError('payments.not-found', 404, 'There is no such payment. Check its id.')

export const alreadyPaid = (): AppError =>
  new AppError('payments.already-paid', 409, 'The payment is paid already. Nothing is left to pay.')

export const paymentEnded = (status: string): AppError =>
  new AppError('payments.over', 409, `The payment is ${status}; no attempt can start on it. Create a new payment.`)

export const attemptInFlight = (): AppError =>
  new AppError('payments.attempt-in-flight', 409, 'An attempt is already in progress. Wait until it ends.', {
    retryAfterSeconds: 15,
  })

/** A prompt can still be approved. `phone` is masked; `endsAt` is the latest end of the prompt. */
export function promptLive(phone: string, endsAt: Date, now: Date): AppError {
  const seconds = Math.ceil((endsAt.getTime() - now.getTime()) / 1000)
  const until =
    seconds > 0 ? `It ends at ${endsAt.toISOString()} at the latest.` : 'Purser is querying the provider now.'
  return new AppError(
    'payments.attempt-in-flight',
    409,
    `An attempt is already in progress: the prompt on ${phone} can still be approved. ${until} Wait until it ends, or ask the payer to decline it.`,
    { retryAfterSeconds: seconds > 0 ? seconds : 15 },
  )
}

export const pageOpen = (method: string): AppError =>
  new AppError(
    'payments.page-open',
    409,
    `A page of the method ${method} is open, and its provider has not closed it. Finish the payment there, or try again in 15 seconds.`,
    { retryAfterSeconds: 15 },
  )

export const keyReused = (): AppError =>
  new AppError(
    'idempotency-key-reused',
    409,
    'This Idempotency-Key was used for another request. Use a new key for a new payment.',
  )

export const methodNotAllowed = (method: string, methods: readonly string[]): AppError =>
  new AppError(
    'payments.method-not-allowed',
    422,
    `This payment cannot be paid by ${method}; choose ${listOf(methods)}.`,
    {
      param: 'method',
    },
  )

export const methodUnavailable = (method: string, why: string): AppError =>
  new AppError(
    'payments.method-unavailable',
    503,
    `${method} is unavailable now. Choose another method, or try again in a minute.`,
    {
      param: 'method',
      retryAfterSeconds: 60,
      cause: why,
    },
  )

export const amountNotAccepted = (method: string, why: string): AppError =>
  new AppError(
    'payments.amount-not-taken',
    422,
    `${method} cannot collect the amount due: ${why}. Choose another method.`,
    { param: 'method' },
  )

export const exchangeUnavailable = (currency: string): AppError =>
  new AppError(
    'rates.unavailable',
    503,
    `There is no rate for ${currency}: no price source is configured. Choose another method.`,
    {
      retryAfterSeconds: 60,
    },
  )

export const payerDetailMissing = (param: 'phone' | 'email', method: string): AppError =>
  new AppError('payments.payer-incomplete', 422, `${method} needs the payer’s ${param}. Send it with the attempt.`, {
    param,
  })

/** `country`: country of the mobile numbers that the rail accepts. */
export const badPhone = (country: MobileCountry | undefined): AppError =>
  new AppError('payments.bad-phone', 422, `The phone number ${explainInvalidMobile(country)}`, { param: 'phone' })

/** Not 429: waiting does not help. */
export const tooManyAttempts = (most: number): AppError =>
  new AppError('payments.too-many-attempts', 409, `A payment can have ${most} attempts. Create a new payment.`)

export const tooManyPrompts = (retryAfterSeconds: number): AppError =>
  new AppError(
    'payments.too-many-prompts',
    429,
    'This phone received too many prompts. Wait before you send another prompt.',
    {
      param: 'phone',
      retryAfterSeconds,
    },
  )

export const tooManyDeclines = (retryAfterSeconds: number): AppError =>
  new AppError('payments.too-many-declines', 429, 'This payment was declined too often. Wait before trying again.', {
    retryAfterSeconds,
  })

export const tooManyFollowers = (): AppError =>
  new AppError('payments.too-many-followers', 503, 'Too many pages follow payments now. Read the payment instead.', {
    retryAfterSeconds: 5,
  })

export const badCursor = (): AppError =>
  new AppError('payments.bad-cursor', 422, 'The cursor is invalid. Use next_cursor from the previous page.', {
    param: 'cursor',
  })

const eitherOf = new Intl.ListFormat('en', { type: 'disjunction' })

/** `mpesa, card, or bitcoin` */
const listOf = (methods: readonly string[]): string => eitherOf.format(methods)

export const noCustomer = (): AppError =>
  new AppError(
    'payments.no-customer',
    422,
    'This payment names no customer, so there is no balance to pay from. Set customer.id when you create the payment.',
    { param: 'method' },
  )

export const balanceTooLow = (available: string, due: string): AppError =>
  new AppError(
    'payments.balance-too-low',
    409,
    `The customer’s balance is ${available}, and ${due} is due. Have it topped up first, or use another method.`,
  )

export const noSuchTransfer = (name: string): AppError =>
  new AppError(
    'payments.no-such-transfer',
    404,
    `There is no manual transfer ${name.slice(0, 60)}. List them: npx purser payments transfers`,
    { param: 'id' },
  )

export const transferNotOpen = (state: string): AppError =>
  new AppError('payments.transfer-not-open', 409, `The transfer is ${state} already, so it cannot be changed.`)

export const transferConfirmed = (number: string): AppError =>
  new AppError(
    'payments.transfer-confirmed',
    409,
    `The transfer is confirmed as ${number} already. If the payer sent a second one with the same payment code, confirm it with \`another\`.`,
  )

export const numberUsed = (): AppError =>
  new AppError('payments.number-used', 409, 'Another transfer was confirmed with this number. Check the number.', {
    param: 'number',
  })

export const badAmount = (): AppError =>
  new AppError('validation-failed', 422, 'Amount must be positive.', { param: 'amount' })

export const badNumber = (): AppError =>
  new AppError(
    'payments.bad-number',
    422,
    'The number must be the one in the bank’s books: 3 to 60 letters, digits, dots, dashes and slashes.',
    { param: 'number' },
  )
