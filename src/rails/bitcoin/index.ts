import { defineRail, type RailKind } from '#rails/contract'
import { bitcoinConfig } from './config.ts'
import { createBitcoinRail } from './rail.ts'

export { bitcoinConfig } from './config.ts'
export { createBitcoinRail } from './rail.ts'

export const bitcoin: RailKind = defineRail(bitcoinConfig, createBitcoinRail)
