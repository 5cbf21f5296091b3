export { databaseCheck } from './health/database.ts'
export { createHealth, type Health, type HealthOptions } from './health/health.ts'
export type { CheckResult, HealthCheck, HealthReport, HealthStatus } from './health/checks.ts'
export { healthRoutes } from './health/routes.ts'
