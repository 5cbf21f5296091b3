import { currencyOf, formatAmount, type Money } from '#money'
import { AppError } from '#platform/base/errors'

const show = (amount: Money): string => `${currencyOf(amount.asset)} ${formatAmount(amount)}`

export const noSuchRefund = (): AppError =>
  new AppError('payments.no-such-refund', 404, 'There is no such refund. Check its id.')

export const destinationNotOffered = (): AppError =>
  new AppError(
    'payments.no-such-place',
    422,
    'The refund cannot go there. Choose one of the offered places, and check the text that you entered.',
    {
      param: 'place',
    },
  )

export const refundEnded = (status: string): AppError =>
  new AppError(
    'payments.refund-over',
    409,
    `The refund is ${status}, so its result cannot be declared. Only pending refunds can be resolved.`,
  )

export const refundBeingSent = (): AppError =>
  new AppError(
    'payments.refund-in-flight',
    409,
    'The refund is being sent and the provider may still answer. If it is still pending in two minutes, try again.',
  )

export const duplicateRefund = (id: string): AppError =>
  new AppError(
    'payments.refund-made-before',
    409,
    `${id} refunded the same amount of this payment a moment ago. To create another refund, add --again.`,
  )

export const nothingToRefund = (): AppError =>
  new AppError('payments.nothing-to-refund', 409, 'This payment has no refundable amount left.')

export const refundTooLarge = (refundable: Money): AppError =>
  new AppError(
    'payments.refund-too-large',
    409,
    `At most ${show(refundable)} of this payment can be refunded. Request a smaller amount.`,
    {
      param: 'amount',
    },
  )

export const refundInParts = (most: Money): AppError =>
  new AppError(
    'payments.refund-in-parts',
    409,
    `This payment was made in several parts, and each is refunded separately. Refund at most ${show(most)} at once, or use a link.`,
    { param: 'amount' },
  )

/** Exchanged money is the merchant's in the payment's currency, at the rate of the payment. */
export const rateNotPossible = (): AppError =>
  new AppError(
    'payments.refund-rate',
    409,
    'This payment was made in another currency. It is refunded in its own currency, at the rate of the payment. Use paid_rate or fiat.',
    { param: 'amount_basis' },
  )

export const insufficientBalance = (available: Money, wanted: Money): AppError =>
  new AppError(
    'payments.insufficient-balance',
    409,
    `The refund needs ${show(wanted)} and the balance has ${show(available)}. Refund less, or wait for more payments.`,
  )

export const cannotCancelRefund = (status: string): AppError =>
  new AppError('payments.refund-over', 409, `The refund is ${status} and cannot be canceled.`)

export const refundToBalance = (amount: Money): AppError =>
  new AppError(
    'payments.refund-to-balance',
    409,
    `${show(amount)} of this payment came from the customer’s balance and can only return there. Refund that amount separately, without a link.`,
    { param: 'method' },
  )
