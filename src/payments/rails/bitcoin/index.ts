export { bitcoinConfig } from './config.ts'
export { createBitcoinRail } from './rail.ts'
