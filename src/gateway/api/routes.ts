import type { Ledger } from '#ledger'
import type { Payments } from '#payments'
import type { Clock } from '#platform/clock'
import type { Db } from '#platform/db'
import { setSamples, type HttpServer } from '#platform/http'
import type { Ids } from '#platform/ids'
import type { Idempotency } from '#platform/idempotency'
import type { Webhooks } from '#webhooks'
import type { Rates } from '#rates'
import { settlementRoutes } from './settlements.ts'
import { createAccess, type Access, type AccessDeps } from './access.ts'
import { attemptRoutes } from './attempts.ts'
import { caseRoutes } from './cases.ts'
import { customerRoutes } from './customers.ts'
import { createRoute } from './create.ts'
import { errorPageRoutes } from './errorpage.ts'
import { deliveryRoutes } from './deliveries.ts'
import { endpointRoutes } from './endpoints.ts'
import { exportRoutes } from './exports.ts'
import { linkRoutes } from './links.ts'
import { merchantRoutes } from './merchant.ts'
import { rateRoute } from './rates.ts'
import { publicRoutes, type PublicDeps } from './public.ts'
import { readRoutes } from './read.ts'
import { refundRoutes } from './refunds.ts'
import { SAMPLES } from './samples.ts'
import { transferRoutes } from './transfers.ts'

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
  setSamples(app, SAMPLES)
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
