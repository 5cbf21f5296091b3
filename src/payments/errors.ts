import { AppError } from '#platform/base/errors'
import { explainInvalidMobile, type MobileCountry } from '#platform/base/phone'

/** Every refusal of this module, with what to do about it. */
export const notFound = (): AppError => new AppError('payments.not-found', 404, 'There is no such payment.')

export const alreadyPaid = (): AppError => new AppError('payments.already-paid', 409, 'The payment is paid already.')

export const over = (status: string): AppError =>
  new AppError('payments.over', 409, `The payment is ${status}; nothing can be started on it. Create a new payment.`)

export const inFlight = (): AppError =>
  new AppError('payments.attempt-in-flight', 409, 'A payment is under way already. Wait until it ends.', {
    retryAfterSeconds: 15,
  })

/** A prompt that can still be answered. `phone` is masked; `endsAt` is when it ends at the latest. */
export function promptLive(phone: string, endsAt: Date, now: Date): AppError {
  const seconds = Math.ceil((endsAt.getTime() - now.getTime()) / 1000)
  const until =
    seconds > 0 ? `It ends at ${endsAt.toISOString()} at the latest.` : 'The provider is asked about it now.'
  return new AppError(
    'payments.attempt-in-flight',
    409,
    `A payment is under way already: the prompt on ${phone} can still be approved. ${until} Wait until it ends, or have it declined.`,
    { retryAfterSeconds: seconds > 0 ? seconds : 15 },
  )
}

export const pageOpen = (method: string): AppError =>
  new AppError(
    'payments.page-open',
    409,
    `A page of the method ${method} is open, and its provider has not closed it. Finish the payment there, or try again in some seconds.`,
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

export const methodOff = (method: string, why: string): AppError =>
  new AppError('payments.method-unavailable', 503, `${method} cannot be used now. Try another method, or later.`, {
    param: 'method',
    retryAfterSeconds: 60,
    cause: why,
  })

export const amountNotTaken = (method: string, why: string): AppError =>
  new AppError('payments.amount-not-taken', 422, `${method} cannot take what is due: ${why}.`, { param: 'method' })

export const exchangeOff = (currency: string): AppError =>
  new AppError('rates.unavailable', 503, `No rate for ${currency} can be had: no price source is switched on.`, {
    retryAfterSeconds: 60,
  })

export const payerLacks = (param: 'phone' | 'email', method: string): AppError =>
  new AppError('payments.payer-incomplete', 422, `${method} needs the payer’s ${param}.`, { param })

/** `country`: whose mobile numbers the rail takes. */
export const badPhone = (country: MobileCountry | undefined): AppError =>
  new AppError('payments.bad-phone', 422, `The phone number ${explainInvalidMobile(country)}`, { param: 'phone' })

/** Not 429: waiting does not help. */
export const tooManyAttempts = (most: number): AppError =>
  new AppError('payments.too-many-attempts', 409, `A payment can be tried ${most} times. Create a new payment.`)

export const tooManyPrompts = (retryAfterSeconds: number): AppError =>
  new AppError('payments.too-many-prompts', 429, 'This phone was asked too often. Wait before asking it again.', {
    param: 'phone',
    retryAfterSeconds,
  })

export const tooManyDeclines = (retryAfterSeconds: number): AppError =>
  new AppError('payments.too-many-declines', 429, 'This payment was declined too often. Wait before trying again.', {
    retryAfterSeconds,
  })

export const tooManyFollowers = (): AppError =>
  new AppError('payments.too-many-followers', 503, 'Too many pages follow payments now. Ask for the payment instead.', {
    retryAfterSeconds: 5,
  })

export const badCursor = (): AppError =>
  new AppError('payments.bad-cursor', 422, 'The cursor is not one of ours. Take next_cursor from the page before.', {
    param: 'cursor',
  })

const eitherOf = new Intl.ListFormat('en', { type: 'disjunction' })

/** `mpesa, card, or bitcoin` */
const listOf = (methods: readonly string[]): string => eitherOf.format(methods)

export const noCustomer = (): AppError =>
  new AppError(
    'payments.no-customer',
    422,
    'This payment names no customer, so there is no balance to pay from. Give customer.id when you create it.',
    { param: 'method' },
  )

export const balanceTooLow = (available: string, due: string): AppError =>
  new AppError(
    'payments.balance-too-low',
    409,
    `The customer’s balance is ${available}, and ${due} is due. Have it topped up first, or use another method.`,
  )

export const noSuchTransfer = (name: string): AppError =>
  new AppError('payments.no-such-transfer', 404, `There is no transfer by hand ${name.slice(0, 60)}.`, { param: 'id' })

export const transferNotOpen = (state: string): AppError =>
  new AppError('payments.transfer-not-open', 409, `The transfer is ${state}: nothing is waited for.`)

export const transferConfirmed = (number: string): AppError =>
  new AppError(
    'payments.transfer-confirmed',
    409,
    `The transfer was confirmed as ${number} already. If the payer sent another one with the same payment code, say so.`,
  )

export const numberUsed = (): AppError =>
  new AppError('payments.number-used', 409, 'Another transfer was confirmed with this number. Check it.', {
    param: 'number',
  })

export const badAmount = (): AppError =>
  new AppError('validation-failed', 422, 'amount must be more than zero', { param: 'amount' })

export const badNumber = (): AppError =>
  new AppError(
    'payments.bad-number',
    422,
    'The number must be the one in the bank’s books: 3 to 60 letters, digits, dots, dashes and slashes.',
    { param: 'number' },
  )
