import type { HttpServer } from '#platform/http'
import { settlementRoutes } from './merchants/settlements.ts'
import { createAccess } from './access/access.ts'
import type { Api, ApiDeps } from './access/api.ts'
import { attemptRoutes } from './payments/attempts.ts'
import { caseRoutes } from './operations/cases.ts'
import { customerRoutes } from './merchants/customers.ts'
import { createRoute } from './payments/create.ts'
import { errorPageRoutes } from './unauthenticated/error-docs.ts'
import { deliveryRoutes } from './webhooks/deliveries.ts'
import { endpointRoutes } from './webhooks/endpoints.ts'
import { exportRoutes } from './exports/exports.ts'
import { linkRoutes } from './links/links.ts'
import { merchantRoutes } from './merchants/merchant.ts'
import { rateRoute } from './payments/rates.ts'
import { publicRoutes, type PublicDeps } from './unauthenticated/routes.ts'
import { readRoutes } from './payments/read.ts'
import { refundRoutes } from './payments/refunds.ts'
import { transferRoutes } from './operations/transfers.ts'

export type ApiRouteDeps = ApiDeps & PublicDeps

export function apiRoutes(app: HttpServer, deps: ApiRouteDeps): void {
  const api: Api = { ...deps, access: createAccess(deps) }
  // First: it measures the routes that follow.
  publicRoutes(app, deps)
  createRoute(app, api)
  readRoutes(app, api)
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
  errorPageRoutes(app)
}
