export { stripeConfig, type StripeConfig } from './config.ts'
export { createStripeRail } from './rail.ts'
