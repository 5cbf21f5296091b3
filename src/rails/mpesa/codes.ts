import type { DarajaError } from '#clients/daraja'
import type { FailureReason } from '#rails/contract'

/** Still with the payer or the network. */
export const PROCESSING = '4999'
export const SUCCESS = '0'
/**
 * "The transaction does not exist." as the answer to a question about a payment [community]. Every other code (a wrong initiator, a locked password,
 * M-Pesa busy) is about the question.
 */
export const NO_SUCH_PAYMENT = '2033'

/**
 * Result codes that say that no money moved. Only the code counts: its text differs by channel. What is not listed is unknown and goes
 * to a person: a code that is wrongly called a failure would tell a payer who has paid to pay again.
 */
const REASONS: Readonly<Record<string, FailureReason>> = {
  1: 'insufficient-funds',
  // Another M-Pesa request of this phone is being dealt with.
  1001: 'provider-unavailable',
  1019: 'expired',
  // The prompt could not be sent to the phone.
  1025: 'provider-unavailable',
  9999: 'provider-unavailable',
  1032: 'canceled-by-payer',
  1037: 'no-response',
  2001: 'wrong-pin',
}

export const reasonOf = (resultCode: string): FailureReason | undefined =>
  Object.hasOwn(REASONS, resultCode) ? REASONS[resultCode] : undefined

/** Why a push that was surely not sent to the payer was not. */
export function reasonOfRefusal(error: DarajaError): FailureReason {
  if (error.code !== 'daraja.rejected' || error.httpStatus === 429) return 'provider-unavailable'
  if (error.errorCode?.startsWith('5')) return 'provider-unavailable'
  // "Bad Request - Invalid PhoneNumber": the one refusal that the payer can mend.
  return /PhoneNumber|PartyA/.test(error.errorMessage ?? '') ? 'invalid-phone' : 'provider-rejected'
}
