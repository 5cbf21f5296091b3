export { paymentChanged } from './changes.ts'
export { gatewayConfig } from './config.ts'
export { gatewaySchema } from './schema.ts'
export { createGateway, type GatewayDeps } from './gateway.ts'
