import type { FailureReason } from '#rails/contract'

/** Meaning of `transaction.status`. Other statuses are unknown and go to an operator. */
export const STATUSES: Readonly<Record<string, 'paid' | 'failed' | 'expired' | 'pending'>> = {
  TS: 'paid',
  TF: 'failed',
  TE: 'expired',
  TIP: 'pending',
  // Ambiguous: Airtel does not know the result yet.
  TA: 'pending',
}

/** Failure reasons by `response_code` of the collection APIs. */
const REASONS: Readonly<Record<string, FailureReason>> = {
  DP00800001002: 'wrong-pin',
  DP00800001003: 'limit-exceeded',
  DP00800001004: 'limit-exceeded',
  // "User did not enter the pin."
  DP00800001005: 'no-response',
  DP00800001007: 'insufficient-funds',
  DP00800001008: 'canceled-by-payer',
  DP00800001009: 'declined',
  DP00800001010: 'provider-rejected',
  DP00800001024: 'no-response',
  DP00800001029: 'expired',
}

/** Returns the reason for a payment that Airtel reports as failed. Default: `declined`. */
export const reasonOf = (code: string | null | undefined): FailureReason =>
  (code && Object.hasOwn(REASONS, code) ? REASONS[code] : undefined) ?? 'declined'

/** Whether the code of a push response means that the payer was not prompted. */
export const isRefusal = (code: string | null | undefined): boolean =>
  code !== null && code !== undefined && Object.hasOwn(REASONS, code)
