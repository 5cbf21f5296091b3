export { paymentChanged } from './changes.ts'
export { gatewayConfig } from './config.ts'
export { createGateway, type GatewayDeps } from './gateway.ts'
