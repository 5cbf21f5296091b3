import { monotonicMs, type Clock } from '../../base/clock.ts'
import { withDeadline } from '../../base/deadline.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { isDatabaseUnavailable } from '../../database/db.ts'
import type { Claimed, Claims, ClaimTable } from './claims.ts'
import type { DueQueue } from './contract.ts'
import { createLoop } from './loop.ts'
import { createSlots } from './slots.ts'
import { endsWithin } from './tracker.ts'

export interface QueueRunner {
  readonly name: string
  start(): void
  wake(): void
  /** Handles the due rows one by one. Returns their number. */
  runDue(): Promise<number>
  /** Claims no more rows and handles the claimed ones. Aborts their signal at the deadline (`monotonicMs`). */
  drain(deadlineMs: number): Promise<void>
}

interface Deps {
  clock: Clock
  log: Log
  metrics: Metrics
  claims: Claims
  /** Called before each claim. */
  requireHeartbeat(): Promise<void>
}

/** Delay until a row is due again that a handler failed on, or left claimed. */
const RETRY_MS = 60_000
/** The same after an error of the connection to the database. */
const RECONNECT_MS = 1_000
/** Wait after a wake, so that one claim takes rows that arrive together. */
const BATCH_WAIT_MS = 5
const SLOT_WAIT_MS = 5_000
const HANDLE_LIMIT_MS = 60_000

async function prepareClaim({ claims, requireHeartbeat }: Deps, table: ClaimTable<never>): Promise<void> {
  await requireHeartbeat()
  await claims.flush(table)
}

export function createQueue(queue: DueQueue, deps: Deps): QueueRunner {
  const { clock, log, metrics, claims } = deps
  const handled = metrics.counter('purser_queue_handled_total', 'Rows handled by queue', ['queue', 'status'])
  const lag = metrics.gauge('purser_queue_lag_seconds', 'Seconds since the queue last had no due rows left', ['queue'])
  const queueLog = log.child({ queue: queue.name })
  let emptyAtMs = monotonicMs()

  const handle = async (row: unknown): Promise<void> => {
    let retryMs = RETRY_MS
    try {
      const { name, limitMs = HANDLE_LIMIT_MS } = queue
      await withDeadline({ name: `A row of ${name}`, limitMs, signal: slots.signal }, (signal) =>
        queue.handle(row, signal),
      )
      handled.inc({ queue: queue.name, status: 'succeeded' })
    } catch (err) {
      if (isDatabaseUnavailable(err)) retryMs = RECONNECT_MS
      handled.inc({ queue: queue.name, status: 'failed' })
      queueLog.error({ err, rowId: idOf(row), retryMs }, 'row failed; it is retried')
    } finally {
      // Also after success: a handler may have found nothing to change. A row that it released stays as it is.
      if (queue.claims && isClaimed(row)) claims.giveBack(queue.claims, row, retryMs)
    }
  }
  const slots = createSlots(queue.concurrency, handle)

  const claim = async (): Promise<readonly unknown[]> => {
    try {
      if (queue.claims) await prepareClaim(deps, queue.claims)
      const rows = await queue.claim(queue.batch, clock.now(), claims.holder)
      for (const row of rows) if (queue.claims && isClaimed(row)) claims.hold(queue.claims, row)
      if (rows.length < queue.batch) emptyAtMs = monotonicMs()
      return rows
    } finally {
      lag.set({ queue: queue.name }, (monotonicMs() - emptyAtMs) / 1_000)
    }
  }

  const loop = createLoop({
    name: `queue ${queue.name}`,
    everyMs: queue.idleMs,
    batchWaitMs: BATCH_WAIT_MS,
    log: queueLog,
    step: async () => {
      // A loop that waits for a slot begins a step every few seconds, so that it does not look hung.
      if (!(await slots.waitForFree(SLOT_WAIT_MS))) return !slots.closed
      // Rows of a claim that answers after the deadline of the step are claimed too, so they are handled.
      const rows = await claim()
      slots.add(rows)
      return rows.length >= queue.batch
    },
  })

  return {
    name: queue.name,
    start: () => {
      emptyAtMs = monotonicMs()
      loop.start()
    },
    wake: () => loop.wake(),
    runDue: async () => {
      let count = 0
      for (let rows = await claim(); rows.length > 0; rows = await claim()) {
        for (const row of rows) await handle(row)
        count += rows.length
        if (rows.length < queue.batch) break
      }
      await claims.flush()
      return count
    },
    drain: async (deadlineMs) => {
      slots.close()
      await endsWithin(deadlineMs - monotonicMs(), loop.stop())
      await slots.drain(deadlineMs)
    },
  }
}

const isClaimed = (row: unknown): row is Claimed =>
  typeof row === 'object' && row !== null && 'claim' in row && typeof row.claim === 'bigint'

const idOf = (row: unknown): string | undefined =>
  typeof row === 'object' && row !== null && 'id' in row && typeof row.id === 'string' ? row.id : undefined
