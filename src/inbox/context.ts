import { addMs, type Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { Jobs } from '#platform/runtime/jobs'
import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'
import type { Rail } from '#rails/contract'
import { createSecurityReporter, type ReportSecurityEvent } from './security.ts'
import { createSpool, type Spool } from './spool.ts'
import type { SpooledEvent } from './spool-records.ts'
import { insertEvents } from './store.ts'
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
  /** Where verified callbacks are kept while the database is away. Without it they are refused then. */
  readonly spool?: { readonly folder: string; /** 32 bytes. */ readonly key: Buffer } | undefined
}

/** Dependencies that the files of this module share. */
export interface InboxContext extends Omit<InboxDeps, 'metrics' | 'spool'> {
  readonly spool: Spool | undefined
  readonly meters: Meters
  readonly securityEvent: ReportSecurityEvent
}

export const INBOX_QUEUE = 'inbox.events'
/** Time after which an event that cannot be understood or confirmed is parked. */
export const RETRY_FOR_MS = 24 * 60 * 60_000

export function createInboxContext({ metrics, spool: places, ...deps }: InboxDeps): InboxContext {
  const log = deps.log.child({ module: 'inbox' })
  const meters = createMeters(metrics)
  const insert = async (events: readonly SpooledEvent[]): Promise<void> => {
    const retryUntil = addMs(deps.clock.now(), RETRY_FOR_MS)
    const isNew = await insertEvents(
      deps.db,
      events.map((event) => ({ ...event, retryUntil })),
    )
    for (const [i, { rail }] of events.entries()) meters.events.inc({ rail, result: isNew[i] ? 'stored' : 'repeated' })
    deps.jobs().wake(INBOX_QUEUE)
  }
  const spool =
    places &&
    createSpool({ ...places, insert, clock: deps.clock, log, changed: (events) => meters.spooled.set(events) })
  return { ...deps, log, meters, spool, securityEvent: createSecurityReporter({ log, metrics }) }
}

type Meters = ReturnType<typeof createMeters>

function createMeters(metrics: Metrics) {
  return {
    events: metrics.counter('purser_payment_events_total', 'Provider events, by result', ['rail', 'result']),
    lag: metrics.gauge(
      'purser_payment_inbox_lag_seconds',
      'Age of the oldest event that was never handled, in seconds',
    ),
    spooled: metrics.gauge(
      'purser_payment_spooled_events',
      'Events on the disk of this instance that wait for the database',
    ),
    parked: metrics.gauge('purser_payment_inbox_parked', 'Events that wait for an operator'),
  }
}
