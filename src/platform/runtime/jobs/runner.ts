import { Logger, type WorkerPool } from 'graphile-worker'
import pg from 'pg'
import { monotonicMs } from '../../base/clock.ts'
import type { Log } from '../../observe/log.ts'
import type { Instances } from './instances.ts'
import { GRACE_MS, within } from './tracker.ts'

/** One connection listens, the others fetch and finish jobs; what a job itself does goes through the program's own pool. */
const POOL_SIZE = 3

export function openPool(connection: pg.ClientConfig, log: Log): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    application_name: connection.application_name ?? 'purser jobs',
    connectionTimeoutMillis: 10_000,
    max: POOL_SIZE,
  })
  const onError = (err: Error): void => log.warn({ err }, 'a connection of the worker broke')
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}

/** What we ask of the library beside its options. */
export const createPreset = (instances: Instances): GraphileConfig.Preset => ({
  plugins: [
    {
      name: 'PurserInstances',
      version: '1.0.0',
      // A pool locks jobs under its id. Who frees them after a kill must know that id before the first lock.
      worker: { hooks: { startWorker: (_, { worker }) => instances.addPool(worker.workerPool.id) } },
    },
  ],
  // Without these delays the library does not watch the promise that notes a job's end: a lost connection would then end the process
  // by an unhandled rejection. With them it gives up the pool in good order.
  worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 },
})

/** The library's lines. Failed jobs are left out, because we log them ourselves; its details hold payloads, so they are left out too. */
export const createLogger = (log: Log): Logger =>
  new Logger(() => (level, message, meta) => {
    if (meta?.failure === true) return
    if (level === 'error' || level === 'warning') log.warn({ detail: message }, 'job queue')
    else log.trace({ detail: message }, 'job queue')
  })

/** Ends a pool: waits for its jobs until the deadline (`monotonicMs`), tells them to stop, then gives them back. */
export async function shutDown(pool: WorkerPool, deadlineMs: number, aborted: AbortController): Promise<void> {
  const ended = Promise.resolve(pool.gracefulShutdown('The process stops')).catch(() => undefined)
  if (await within(deadlineMs - monotonicMs(), ended)) return
  aborted.abort(new Error('The process stops'))
  if (await within(GRACE_MS, ended)) return
  const given = Promise.resolve(pool.forcefulShutdown('The process stopped while the job ran')).catch(() => undefined)
  await within(GRACE_MS, given)
}
