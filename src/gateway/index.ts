export type { AttemptObject, PaymentObject } from './api/schemas.ts'
export { paymentChanged } from './changes.ts'
export { gatewayConfig, type GatewayConfig } from './config.ts'
export { createGateway, type GatewayDeps } from './gateway.ts'
