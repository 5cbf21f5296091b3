import { defineRail, type RailKind } from '#rails/contract'
import { stripeConfig } from './config.ts'
import { createStripeRail } from './rail.ts'

export { stripeConfig } from './config.ts'
export { createStripeRail } from './rail.ts'

export const stripe: RailKind = defineRail(stripeConfig, createStripeRail)
