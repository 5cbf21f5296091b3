export { databaseCheck } from './health/database.ts'
export { createHealth } from './health/health.ts'
export type { CheckResult, HealthCheck } from './health/checks.ts'
export { healthRoutes } from './health/routes.ts'
