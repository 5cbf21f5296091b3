import type { Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { Jobs } from '#platform/runtime/jobs'
import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'
import type { Rail } from '#rails/contract'
import { createSecurityReporter, type ReportSecurityEvent } from './security.ts'
import type { InboxHandlers } from './types.ts'

export interface InboxDeps {
  readonly db: Db
  readonly rails: readonly Rail[]
  /** Called at use: handlers belong to modules that are created after the inbox. */
  readonly handlers: () => InboxHandlers
  readonly jobs: () => Pick<Jobs, 'wake'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** At least 32 bytes. Authenticates the tokens in callback paths. */
  readonly callbackKey: Buffer
}

/** Dependencies that the files of this module share. */
export interface InboxContext extends Omit<InboxDeps, 'metrics'> {
  readonly meters: Meters
  readonly securityEvent: ReportSecurityEvent
}

export const INBOX_QUEUE = 'inbox.events'

export function createInboxContext({ metrics, ...deps }: InboxDeps): InboxContext {
  const log = deps.log.child({ module: 'inbox' })
  return { ...deps, log, meters: createMeters(metrics), securityEvent: createSecurityReporter({ log, metrics }) }
}

type Meters = ReturnType<typeof createMeters>

function createMeters(metrics: Metrics) {
  return {
    events: metrics.counter('purser_payment_events_total', 'Provider events, by result', ['rail', 'result']),
    lag: metrics.gauge(
      'purser_payment_inbox_lag_seconds',
      'Age of the oldest event that was never handled, in seconds',
    ),
    parked: metrics.gauge('purser_payment_inbox_parked', 'Events that wait for an operator'),
  }
}
