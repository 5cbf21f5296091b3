import type { Ledger } from '#ledger'
import type { Payments } from '#payments'
import type { Clock } from '#platform/clock'
import type { Db } from '#platform/db'
import type { HttpServer } from '#platform/http'
import type { Ids } from '#platform/ids'
import type { Idempotency } from '#platform/idempotency'
import type { Webhooks } from '#webhooks'
import type { Rates } from '#rates'
import { settlementRoutes } from './merchants/settlements.ts'
import { createAccess, type Access, type AccessDeps } from './access/access.ts'
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

export interface ApiDeps extends AccessDeps, PublicDeps {
  readonly db: Db
  readonly payments: Payments
  readonly ledger: Ledger
  readonly webhooks: Webhooks
  readonly rates: Rates
  readonly idempotency: Idempotency
  readonly clock: Clock
  readonly ids: Ids
  readonly publicUrl: () => string
}

/** What the routes of the API are made of. */
export interface Api extends ApiDeps {
  readonly access: Access
}

export function apiRoutes(app: HttpServer, deps: ApiDeps): void {
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
