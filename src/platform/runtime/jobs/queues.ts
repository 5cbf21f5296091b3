import { monotonicMs, type Clock } from '../../base/clock.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { DueQueue } from './contract.ts'
import { createLoop } from './loop.ts'
import { createPlaces } from './places.ts'
import { within } from './tracker.ts'

export interface QueueRunner {
  readonly name: string
  start(): void
  wake(): void
  /** Handles what is due, row by row. The number of rows. */
  runDue(): Promise<number>
  /** Claims no more; what is claimed is handled until the deadline (`monotonicMs`), then its signal fires. */
  drain(deadlineMs: number): Promise<void>
}

interface Deps {
  clock: Clock
  log: Log
  metrics: Metrics
}

/** Rows that come together are claimed together. */
const GATHER_MS = 5

export function createQueue(queue: DueQueue, { clock, log, metrics }: Deps): QueueRunner {
  const handled = metrics.counter('purser_queue_handled_total', 'Rows handled by queue', ['queue', 'status'])
  const lag = metrics.gauge('purser_queue_lag_seconds', 'How long ago a queue was last empty of due rows', ['queue'])
  const queueLog = log.child({ queue: queue.name })
  let emptyAtMs = monotonicMs()

  const handle = async (row: unknown): Promise<void> => {
    try {
      await queue.handle(row, places.signal)
      handled.inc({ queue: queue.name, status: 'succeeded' })
    } catch (err) {
      handled.inc({ queue: queue.name, status: 'failed' })
      queueLog.error({ err, rowId: idOf(row) }, 'row failed, its lease brings it back')
    }
  }
  const places = createPlaces(queue.concurrency, handle)

  const claim = async (): Promise<readonly unknown[]> => {
    try {
      const rows = await queue.claim(queue.batch, clock.now())
      if (rows.length < queue.batch) emptyAtMs = monotonicMs()
      return rows
    } finally {
      lag.set({ queue: queue.name }, (monotonicMs() - emptyAtMs) / 1_000)
    }
  }

  const loop = createLoop({
    name: `queue ${queue.name}`,
    everyMs: queue.idleMs,
    gatherMs: GATHER_MS,
    log: queueLog,
    step: async () => {
      await places.room()
      if (places.closed) return false
      const rows = await claim()
      places.add(rows)
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
      return count
    },
    drain: async (deadlineMs) => {
      places.close()
      await within(deadlineMs - monotonicMs(), loop.stop())
      await places.drain(deadlineMs)
    },
  }
}

const idOf = (row: unknown): string | undefined =>
  typeof row === 'object' && row !== null && 'id' in row && typeof row.id === 'string' ? row.id : undefined
