import { EventEmitter } from 'node:events'
import { Logger, runTaskList, type TaskList, type WorkerEvents } from 'graphile-worker'
import type pg from 'pg'
import { monotonicMs } from '../../base/clock.ts'
import { runningMs, withDeadline } from '../../base/deadline.ts'
import { openConnections } from '../../database/pool.ts'
import type { Log } from '../../observe/log.ts'
import type { Instances } from './instances.ts'
import { endsWithin, GRACE_MS } from './tracker.ts'

/** Connections of the worker: one listens, the others fetch and finish jobs. The jobs themselves use the pool of the program. */
export const WORKER_CONNECTIONS = 3
/** Interval in which an idle worker fetches without a notification. */
const POLL_MS = 2_000
const IDLE_MS = 10_000
const CONNECT_LIMIT_MS = 10_000
/** Statements of the library take milliseconds. A connection that is in use for longer is frozen. */
const STATEMENT_LIMIT_MS = 10_000
const PING_LIMIT_MS = 5_000

/** Pool of the worker library. The library returns a connection after a time-out to its pool, so this pool destroys frozen ones itself. */
export interface WorkerConnections {
  readonly pool: pg.Pool
  /** Declares that this connection listens, so that it may be in use without an end. */
  setListener(client: pg.PoolClient | undefined): void
  /** Destroys connections without an answer. The library opens others. */
  destroyFrozen(): Promise<void>
  /** Returns whether the database answers. */
  probe(): Promise<boolean>
  /** Destroys all connections. */
  close(): Promise<void>
}

export interface PoolOptions {
  connection: pg.ClientConfig
  /** Role that every connection must have. Undefined: any. */
  expectedUser?: string | undefined
  log: Log
}

/** Opens the pool of the worker library. Throws nothing: it connects when the library first asks. */
export function openPool({ connection, expectedUser, log }: PoolOptions): WorkerConnections {
  const onError = (err: Error): void => log.warn({ err }, 'a database connection of the worker broke')
  const { pool, close } = openConnections({
    connection: { ...connection, application_name: connection.application_name ?? 'purser jobs' },
    ...{ max: WORKER_CONNECTIONS, min: 0, idleMs: IDLE_MS, connectTimeoutMs: CONNECT_LIMIT_MS },
    ...{ statementTimeoutMs: STATEMENT_LIMIT_MS, expectedUser, onError },
    // The library listens, so its connections are never those of a pooler in transaction mode.
    pooler: { mode: 'none', keepsStatements: true },
  })
  const usedSinceMs = new Map<pg.PoolClient, number>()
  let listener: pg.PoolClient | undefined
  pool.on('acquire', (client) => usedSinceMs.set(client, runningMs()))
  pool.on('release', (_, client) => usedSinceMs.delete(client))
  pool.on('remove', (client) => usedSinceMs.delete(client))
  const destroy = (client: pg.PoolClient): void => void client.connection.stream.destroy()
  return {
    pool,
    setListener: (client) => void (listener = client),
    destroyFrozen: async () => {
      for (const [client, sinceMs] of usedSinceMs)
        if (client !== listener && runningMs() - sinceMs > STATEMENT_LIMIT_MS) destroy(client)
      const pinged = listener
      if (!pinged) return
      const ping = { name: 'The connection that listens for jobs', limitMs: PING_LIMIT_MS }
      await withDeadline(ping, () => pinged.query('select 1')).catch(() => destroy(pinged))
    },
    probe: () => {
      const probing = { name: 'A probe of the database', limitMs: PING_LIMIT_MS }
      return withDeadline(probing, () => pool.query('select 1')).then(
        () => true,
        () => false,
      )
    },
    close: async () => {
      for (const client of usedSinceMs.keys()) destroy(client)
      await close()
    },
  }
}

export interface WorkerRun {
  readonly id: string
  /** Whether the library has ended this pool by itself. It does so when it cannot record the end of a job. */
  readonly ended: boolean
  /** Whether jobs take all slots, so that nothing is fetched. Jobs have deadlines. */
  readonly full: boolean
  /**
   * Whether a fetch has failed. It may have locked a job that no worker of the library knows. The library also keeps a failed first read of
   * its tables, so that all later fetches fail.
   */
  readonly failed: boolean
  /** Milliseconds since the last fetch that succeeded or failed. 0 while `full`. */
  readonly silentMs: number
  /** Takes no more jobs, waits for its jobs until the deadline (`monotonicMs`), aborts them, and releases them to the queue. */
  shutDown(deadlineMs: number): Promise<void>
}

export interface RunOptions {
  connections: WorkerConnections
  instances: Pick<Instances, 'addPool'>
  log: Log
  concurrency: number
  tasks(signal: AbortSignal): TaskList
  /** Called after each successful fetch, with or without a job. */
  onFetched(): void
}

/** Starts the pool of the worker library, and follows its events to see whether it fetches jobs. */
export function startRun(options: RunOptions): WorkerRun {
  const { connections, instances, log, concurrency, tasks } = options
  const aborted = new AbortController()
  const events: WorkerEvents = new EventEmitter()
  let busy = 0
  let ended = false
  let failed = false
  let activeAtMs = runningMs()
  const onActive = (): void => void (activeAtMs = runningMs())
  const onFetched = (): void => {
    onActive()
    options.onFetched()
  }
  events.on('worker:getJob:empty', onFetched)
  events.on('worker:getJob:error', () => {
    failed = true
    onActive()
  })
  events.on('job:start', () => {
    busy += 1
    onFetched()
  })
  events.on('job:complete', () => {
    busy -= 1
    onActive()
  })
  events.on('pool:listen:success', ({ client }) => connections.setListener(client))
  events.on('pool:listen:release', () => connections.setListener(undefined))
  const settings = { preset: createPreset(instances), logger: createLogger(log), noHandleSignals: true, events }
  const pool = runTaskList({ ...settings, concurrency }, tasks(aborted.signal), connections.pool)
  pool.promise
    .catch((err: unknown) => log.error({ err }, 'worker ended; restarting'))
    .finally(() => (ended = true))
    .catch(() => undefined)
  return {
    id: pool.id,
    get ended() {
      return ended
    },
    get failed() {
      return failed
    },
    get full() {
      return busy >= concurrency
    },
    get silentMs() {
      return busy >= concurrency ? 0 : runningMs() - activeAtMs
    },
    shutDown: async (deadlineMs) => {
      const graceful = Promise.resolve(pool.gracefulShutdown('The process stops')).catch(() => undefined)
      if (await endsWithin(deadlineMs - monotonicMs(), graceful)) return
      aborted.abort(new Error('The process stops'))
      if (await endsWithin(GRACE_MS, graceful)) return
      const released = Promise.resolve(pool.forcefulShutdown('The process stopped while the job ran')).catch(
        () => undefined,
      )
      await endsWithin(GRACE_MS, released)
    },
  }
}

/** Returns the graphile-worker preset: a hook that registers pools, and delays that avoid an unhandled rejection. */
export const createPreset = (instances: Pick<Instances, 'addPool'>): GraphileConfig.Preset => ({
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
  worker: { pollInterval: POLL_MS, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
})

/** Creates the logger of the library. Omits failed jobs, which Purser logs itself, and details, which contain payloads. */
export const createLogger = (log: Log): Logger =>
  new Logger(() => (level, message, meta) => {
    if (meta?.failure === true) return
    if (level === 'error' || level === 'warning') log.warn({ detail: message }, 'job queue')
    else log.trace({ detail: message }, 'job queue')
  })
