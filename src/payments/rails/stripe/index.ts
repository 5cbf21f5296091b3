import { defineRail, type RailKind } from '#payments/rail'
import { stripeConfig } from './config.ts'
import { createStripeRail } from './rail.ts'

export { stripeConfig } from './config.ts'
export { createStripeRail } from './rail.ts'

export const stripe: RailKind = defineRail(stripeConfig, createStripeRail)
