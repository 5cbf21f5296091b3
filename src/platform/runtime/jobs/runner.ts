import { Logger, type WorkerPool } from 'graphile-worker'
import pg from 'pg'
import { monotonicMs } from '../../base/clock.ts'
import type { Log } from '../../observe/log.ts'
import type { Instances } from './instances.ts'
import { endsWithin, GRACE_MS } from './tracker.ts'

/** Connections of the worker: one listens, the others fetch and finish jobs. The jobs themselves use the pool of the program. */
export const WORKER_CONNECTIONS = 3

export function openPool(connection: pg.ClientConfig, log: Log): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    application_name: connection.application_name ?? 'purser jobs',
    connectionTimeoutMillis: 10_000,
    max: WORKER_CONNECTIONS,
  })
  const onError = (err: Error): void => log.warn({ err }, 'a database connection of the worker broke')
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}

/** Returns the graphile-worker preset: a hook that registers pools, and delays that avoid an unhandled rejection. */
export const createPreset = (instances: Instances): GraphileConfig.Preset => ({
  plugins: [
    {
      name: 'PurserInstances',
      version: '1.0.0',
      // A pool locks jobs under its id. Register the id before the first lock, so that other instances can unlock its jobs after a kill.
      worker: { hooks: { startWorker: (_, { worker }) => instances.addPool(worker.workerPool.id) } },
    },
  ],
  // Without these delays the library does not handle the promise that records the end of a job. A lost connection would then end the
  // process by an unhandled rejection. With the delays the library shuts down the pool instead.
  worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 },
})

/** Creates the logger of the library. Omits failed jobs, which Purser logs itself, and details, which contain payloads. */
export const createLogger = (log: Log): Logger =>
  new Logger(() => (level, message, meta) => {
    if (meta?.failure === true) return
    if (level === 'error' || level === 'warning') log.warn({ detail: message }, 'job queue')
    else log.trace({ detail: message }, 'job queue')
  })

/** Shuts down a pool: waits for its jobs until the deadline (`monotonicMs`), aborts them, then releases them to the queue. */
export async function shutDown(pool: WorkerPool, deadlineMs: number, aborted: AbortController): Promise<void> {
  const ended = Promise.resolve(pool.gracefulShutdown('The process stops')).catch(() => undefined)
  if (await endsWithin(deadlineMs - monotonicMs(), ended)) return
  aborted.abort(new Error('The process stops'))
  if (await endsWithin(GRACE_MS, ended)) return
  const released = Promise.resolve(pool.forcefulShutdown('The process stopped while the job ran')).catch(
    () => undefined,
  )
  await endsWithin(GRACE_MS, released)
}
