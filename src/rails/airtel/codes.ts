import type { FailureReason } from '#rails/contract'

/** What `transaction.status` says. What is not listed is unknown and goes to a person. */
export const STATUSES: Readonly<Record<string, 'paid' | 'failed' | 'expired' | 'pending'>> = {
  TS: 'paid',
  TF: 'failed',
  TE: 'expired',
  TIP: 'pending',
  // Ambiguous: Airtel itself does not know yet.
  TA: 'pending',
}

/** `response_code` of the collection APIs. */
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

/** Of a payment that Airtel itself calls failed: which code comes with it matters only for the words. */
export const reasonOf = (code: string | null | undefined): FailureReason =>
  (code && Object.hasOwn(REASONS, code) ? REASONS[code] : undefined) ?? 'declined'

/** Codes of an answer to a request that say that the payer was not asked. */
export const isRefusal = (code: string | null | undefined): boolean =>
  code !== null && code !== undefined && Object.hasOwn(REASONS, code)
