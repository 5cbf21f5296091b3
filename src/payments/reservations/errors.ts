import { currencyOf, formatAmount, type Money } from '#money'
import { AppError } from '#platform/base/errors'

const show = (amount: Money): string => `${currencyOf(amount.asset)} ${formatAmount(amount)}`

export const noSuchRefund = (): AppError => new AppError('payments.no-such-refund', 404, 'There is no such refund.')

export const noSuchPlace = (): AppError =>
  new AppError(
    'payments.no-such-place',
    422,
    'The refund cannot go there. Choose one of the places that are offered.',
    {
      param: 'place',
    },
  )

export const notToTell = (status: string): AppError =>
  new AppError('payments.refund-over', 409, `The refund is ${status}: there is nothing to tell about it.`)

export const stillSending = (): AppError =>
  new AppError(
    'payments.refund-in-flight',
    409,
    'The refund is just being sent, and the provider may still answer. Tell of it in two minutes, if nobody knows more by then.',
  )

export const madeBefore = (id: string): AppError =>
  new AppError(
    'payments.refund-made-before',
    409,
    `${id} gave back the same amount of this payment a moment ago. If this is another refund, say so with --again.`,
  )

export const nothingToRefund = (): AppError =>
  new AppError('payments.nothing-to-refund', 409, 'Nothing of this payment is left to refund.')

export const refundTooLarge = (left: Money): AppError =>
  new AppError('payments.refund-too-large', 409, `At most ${show(left)} of this payment is left to refund.`, {
    param: 'amount',
  })

export const refundInParts = (most: Money): AppError =>
  new AppError(
    'payments.refund-in-parts',
    409,
    `This payment came in several parts, each of which goes back by itself: refund at most ${show(most)} at once, or by a link.`,
    { param: 'amount' },
  )

/** What was exchanged is the merchant's money in the payment's currency, at the rate of then. */
export const rateNotPossible = (): AppError =>
  new AppError(
    'payments.refund-rate',
    409,
    'This payment came in another currency: it is refunded in its own currency, at the rate at which it was paid.',
    { param: 'amount_basis' },
  )

export const insufficientBalance = (available: Money, wanted: Money): AppError =>
  new AppError(
    'payments.insufficient-balance',
    409,
    `The refund takes ${show(wanted)} and the balance has ${show(available)}.`,
  )

export const refundOver = (status: string): AppError =>
  new AppError('payments.refund-over', 409, `The refund is ${status}: it cannot be canceled any more.`)

export const refundToBalance = (amount: Money): AppError =>
  new AppError(
    'payments.refund-to-balance',
    409,
    `${show(amount)} of this payment came out of the customer’s balance and goes back there alone: refund that by itself, without a link.`,
    { param: 'method' },
  )
