import { defineRail, type RailKind } from '#rails/contract'
import { mpesaConfig } from './config.ts'
import { createMpesaRail } from './rail.ts'

export { mpesaConfig } from './config.ts'
export { createMpesaRail } from './rail.ts'

export const mpesa: RailKind = defineRail(mpesaConfig, createMpesaRail)
