export { mpesaConfig, type MpesaConfig } from './config.ts'
export { createMpesaRail } from './rail.ts'
