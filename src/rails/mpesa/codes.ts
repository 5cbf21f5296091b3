import type { DarajaError } from '#clients/daraja'
import type { FailureReason } from '#rails/contract'

/** The payer or the network is still processing the push. */
export const PROCESSING = '4999'
export const SUCCESS = '0'
/**
 * "The transaction does not exist.", in the answer to a status query [community]. Every other error code (a wrong initiator, a locked
 * password, M-Pesa busy) concerns the query, not the payment.
 */
export const NO_SUCH_PAYMENT = '2033'

/**
 * Result codes that mean that no money moved. Only the code counts, because its text differs by channel. Other codes are unknown and go to an
 * operator: a code wrongly treated as a failure would ask a payer who paid to pay again.
 */
const REASONS: Readonly<Record<string, FailureReason>> = {
  1: 'insufficient-funds',
  // Another M-Pesa request of this phone is in progress.
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

/** Returns the reason for a request that Safaricom certainly refused. */
export function reasonOfRefusal(error: DarajaError): FailureReason {
  if (error.code !== 'daraja.rejected' || error.httpStatus === 429) return 'provider-unavailable'
  if (error.errorCode?.startsWith('5')) return 'provider-unavailable'
  // "Bad Request - Invalid PhoneNumber" is the only refusal that the payer can correct.
  return /PhoneNumber|PartyA/.test(error.errorMessage ?? '') ? 'invalid-phone' : 'provider-rejected'
}
