import { addMs } from '#platform/base/clock'
import type { HttpServer } from '#platform/web/http'
import { IDEMPOTENCY_TTL_MS } from '#platform/web/idempotency'
import type { IntentChange, RefundChange, SettlementChange } from '#payments'
import type { Cron, Job } from '#platform/runtime/jobs'
import type { Module } from '#platform/runtime/module'
import { apiRoutes, type ApiRouteDeps } from './api/routes.ts'
import { gatewaySchema } from './schema.ts'
import { pageRoutes, type PageDeps } from './page/routes.ts'

export type GatewayDeps = ApiRouteDeps &
  PageDeps & {
    readonly changed: Job<IntentChange>
    readonly settlementChanged: Job<SettlementChange>
    readonly refundChanged: Job<RefundChange>
  }

/** Creates the desk for online merchants: the API under /api/v1 and the hosted pages. */
export function createGateway(deps: GatewayDeps): Module {
  return {
    name: 'gateway',
    schema: gatewaySchema,
    routes: (app: HttpServer) => {
      apiRoutes(app, deps)
      pageRoutes(app, deps)
    },
    jobs: [deps.changed, deps.settlementChanged, deps.refundChanged],
    crons: [purgeKeys(deps)],
  }
}

const PURGE_EVERY_MS = 60 * 60_000
const PURGE_BATCH = 2000

/** Deletes expired idempotency keys. Keys of payment creations are stored with the payments and are not among them. */
const purgeKeys = ({ db, idempotency, clock }: GatewayDeps): Cron => ({
  name: 'gateway.purge-idempotency-keys',
  everyMs: PURGE_EVERY_MS,
  run: async ({ signal }) => {
    const before = addMs(clock.now(), -IDEMPOTENCY_TTL_MS)
    while (!signal.aborted && (await idempotency.purge(db, before, PURGE_BATCH)) === PURGE_BATCH);
  },
})
