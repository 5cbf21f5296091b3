import { createRequire } from 'node:module'
import type { Stripe } from 'stripe'

export type StripeLibrary = typeof Stripe

let loaded: StripeLibrary | undefined

/** The library, at its first use: it costs 30 MB and 150 ms that a desk without cards need not pay. */
export function loadStripe(): StripeLibrary {
  loaded ??= createRequire(import.meta.url)('stripe') as StripeLibrary
  return loaded
}
