export { bitcoinConfig, type BitcoinConfig } from './config.ts'
export { createBitcoinRail } from './rail.ts'
