import type { FailureReason } from '#rails/contract'

/** Issuers' decline codes and Stripe's error codes that have a specific reason. All others are `declined`. */
const REASONS: Readonly<Record<string, FailureReason>> = {
  insufficient_funds: 'insufficient-funds',
  authentication_required: 'authentication-failed',
  payment_intent_authentication_failure: 'authentication-failed',
  card_velocity_exceeded: 'limit-exceeded',
  withdrawal_count_limit_exceeded: 'limit-exceeded',
  incorrect_pin: 'wrong-pin',
  invalid_pin: 'wrong-pin',
  pin_try_exceeded: 'wrong-pin',
}

export const reasonOfDecline = (code: string): FailureReason =>
  (Object.hasOwn(REASONS, code) ? REASONS[code] : undefined) ?? 'declined'
