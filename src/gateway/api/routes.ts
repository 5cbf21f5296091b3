import { setSamples, type HttpServer } from '#platform/web/http'
import { settlementRoutes } from './merchants/settlements.ts'
import { createAccess } from './access/access.ts'
import type { Api, ApiDeps } from './access/api.ts'
import { attemptRoutes } from './payments/attempts.ts'
import { caseRoutes } from './operations/cases.ts'
import { customerRoutes } from './merchants/customers.ts'
import { createPaymentRoute } from './payments/create.ts'
import { errorDocsRoutes } from './unauthenticated/error-docs.ts'
import { deliveryRoutes } from './webhooks/deliveries.ts'
import { endpointRoutes } from './webhooks/endpoints.ts'
import { exportRoutes } from './exports/exports.ts'
import { linkRoutes } from './links/links.ts'
import { merchantRoutes } from './merchants/merchant.ts'
import { rateRoute } from './payments/rates.ts'
import { unauthenticatedRoutes, type UnauthenticatedDeps } from './unauthenticated/routes.ts'
import { readPaymentRoutes } from './payments/read.ts'
import { refundRoutes } from './payments/refunds.ts'
import { SAMPLES } from './samples.ts'
import { transferRoutes } from './operations/transfers.ts'

export type ApiRouteDeps = ApiDeps & UnauthenticatedDeps

export function apiRoutes(app: HttpServer, deps: ApiRouteDeps): void {
  setSamples(app, SAMPLES)
  const api: Api = { ...deps, access: createAccess(deps) }
  // First, because its response timer measures only routes that are added after it.
  unauthenticatedRoutes(app, deps)
  createPaymentRoute(app, api)
  readPaymentRoutes(app, api)
  rateRoute(app, api)
  attemptRoutes(app, api)
  merchantRoutes(app, api)
  linkRoutes(app, api)
  settlementRoutes(app, api)
  refundRoutes(app, api)
  customerRoutes(app, api)
  transferRoutes(app, api)
  endpointRoutes(app, api)
  deliveryRoutes(app, api)
  exportRoutes(app, api)
  caseRoutes(app, api)
  errorDocsRoutes(app)
}
