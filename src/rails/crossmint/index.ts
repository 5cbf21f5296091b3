import { defineRail, type RailKind } from '#rails/contract'
import { crossmintConfig } from './config.ts'
import { createCrossmintRail } from './rail.ts'

export { crossmintConfig } from './config.ts'
export { createCrossmintRail } from './rail.ts'

export const crossmint: RailKind = defineRail(crossmintConfig, createCrossmintRail)
