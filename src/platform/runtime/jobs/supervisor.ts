import type { TaskList } from 'graphile-worker'
import { monotonicMs } from '../../base/clock.ts'
import type { Log } from '../../observe/log.ts'
import type { Instances } from './instances.ts'
import { createLoop } from './loop.ts'
import { openPool, startRun, type PoolOptions, type WorkerConnections, type WorkerRun } from './runner.ts'
import { endsWithin, GRACE_MS } from './tracker.ts'

/** Keeps a pool of the worker library running. */
export interface Supervisor {
  start(): void
  /** Takes no more jobs. Aborts jobs that run past the deadline (`monotonicMs`), then releases them to the queue. */
  drain(deadlineMs: number): Promise<void>
  /** Milliseconds since the last fetch that succeeded. 0 while jobs take all slots. Undefined before the start. */
  sinceLastFetchMs(): number | undefined
}

export interface SupervisorDeps extends PoolOptions {
  instances: Instances
  log: Log
  concurrency: number
  tasks(signal: AbortSignal): TaskList
  /** Time without a fetch, successful or failed, after which the pool is replaced. Default: 30 s. */
  silentMs?: number | undefined
}

const EVERY_MS = 1_000
const SILENT_MS = 30_000

/**
 * Creates the supervisor. It closes connections of the library that are frozen, and replaces the pool of the library when it has ended,
 * or neither fetched nor failed for too long.
 */
export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { log, instances, silentMs = SILENT_MS } = deps
  let stopped = false
  let current: { connections: WorkerConnections; run: WorkerRun } | undefined
  let fetchedAtMs: number | undefined
  const onFetched = (): void => void (fetchedAtMs = monotonicMs())

  const startPool = (): void => {
    const connections = openPool(deps)
    current = { connections, run: startRun({ ...deps, connections, onFetched }) }
  }

  /** Ends the pool and releases the locks of its jobs. */
  const retirePool = async (deadlineMs: number): Promise<void> => {
    const retired = current
    current = undefined
    if (!retired) return
    if (!retired.run.ended) await retired.run.shutDown(deadlineMs)
    instances.removePool(retired.run.id)
    await endsWithin(GRACE_MS, retired.connections.close())
  }

  const loop = createLoop({
    name: 'worker',
    everyMs: EVERY_MS,
    log,
    step: async () => {
      const isSilent = current !== undefined && !current.run.ended && current.run.silentMs > silentMs
      if (isSilent) log.error('the worker fetches no jobs; restarting it')
      if (isSilent || current?.run.ended) await retirePool(monotonicMs())
      if (!stopped && !current) startPool()
      await current?.connections.destroyFrozen()
      return false
    },
  })

  return {
    start: () => {
      onFetched()
      startPool()
      loop.start()
    },
    drain: async (deadlineMs) => {
      stopped = true
      await Promise.all([endsWithin(GRACE_MS, loop.stop()), retirePool(deadlineMs)])
    },
    sinceLastFetchMs: () => {
      if (fetchedAtMs === undefined) return undefined
      return current?.run.full ? 0 : Math.round(monotonicMs() - fetchedAtMs)
    },
  }
}
