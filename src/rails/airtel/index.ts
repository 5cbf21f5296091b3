import { defineRail, type RailKind } from '#rails/contract'
import { airtelConfig } from './config.ts'
import { createAirtelRail } from './rail.ts'

export { airtelConfig } from './config.ts'
export { createAirtelRail } from './rail.ts'

export const airtel: RailKind = defineRail(airtelConfig, createAirtelRail)
