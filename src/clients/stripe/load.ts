import { createRequire } from 'node:module'
import type { Stripe } from 'stripe'

export type StripeLibrary = typeof Stripe

let loaded: StripeLibrary | undefined

/** Loads the library at its first use. It costs 30 MB and 150 ms, which an installation without cards saves. */
export function loadStripe(): StripeLibrary {
  loaded ??= createRequire(import.meta.url)('stripe') as StripeLibrary
  return loaded
}
