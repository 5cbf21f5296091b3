import type { Reconciliation } from '#reconciliation'
import type { Ledger } from '#ledger'
import type { Payments } from '#payments'
import type { Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { Idempotency } from '#platform/web/idempotency'
import type { Ids } from '#platform/base/ids'
import type { Rates } from '#rates'
import type { Webhooks } from '#webhooks'
import type { Access, AccessDeps } from './access.ts'

export interface ApiDeps extends AccessDeps {
  readonly db: Db
  readonly payments: Payments
  readonly reconciliation: Reconciliation
  readonly ledger: Ledger
  readonly webhooks: Webhooks
  readonly rates: Rates
  readonly idempotency: Idempotency
  readonly clock: Clock
  readonly ids: Ids
  readonly publicUrl: () => string
}

/** Dependencies shared by all routes that need an API key. */
export interface Api extends ApiDeps {
  readonly access: Access
}
