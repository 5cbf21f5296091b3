import type { TaskList } from 'graphile-worker'
import { monotonicMs } from '../../base/clock.ts'
import type { Log } from '../../observe/log.ts'
import type { Instances } from './instances.ts'
import { createLoop } from './loop.ts'
import { openPool, startRun, type PoolOptions, type WorkerConnections, type WorkerRun } from './runner.ts'
import { createTracker, endsWithin, GRACE_MS } from './tracker.ts'

/** Keeps a pool of the worker library running. */
export interface Supervisor {
  start(): void
  /** Takes no more jobs. Aborts jobs that run past the deadline (`monotonicMs`), then releases them to the queue. */
  drain(deadlineMs: number): Promise<void>
  /** Milliseconds since the last fetch that succeeded. 0 while jobs take all slots. Undefined before the start. */
  sinceLastFetchMs(): number | undefined
}

export interface SupervisorDeps extends PoolOptions {
  instances: Pick<Instances, 'addPool' | 'removePool'>
  log: Log
  concurrency: number
  tasks(signal: AbortSignal): TaskList
  /** Time without a fetch, successful or failed, after which the pool is replaced. Default: 30 s. */
  silentMs?: number | undefined
}

interface Pool {
  readonly connections: WorkerConnections
  readonly run: WorkerRun
}

const EVERY_MS = 1_000
const SILENT_MS = 30_000
/** Time that the jobs of a replaced pool have to end. */
const RETIRE_MS = 10_000
/** Maximum time of a retirement past its deadline. */
const RETIRED_MS = 3 * GRACE_MS

/**
 * Creates the supervisor. It closes connections of the library that are frozen, and replaces the pool of the library when it has ended,
 * neither fetched nor failed for too long, or once the database answers after a failed fetch. The locks of a replaced pool are released.
 */
export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { log, instances, silentMs = SILENT_MS } = deps
  let stopped = false
  const retiring = createTracker()
  let current: Pool | undefined
  let fetchedAtMs: number | undefined
  const onFetched = (): void => void (fetchedAtMs = monotonicMs())

  const startPool = (): void => {
    const connections = openPool(deps)
    current = { connections, run: startRun({ ...deps, connections, onFetched }) }
  }

  /** Ends the pool and releases the locks of its jobs. */
  const retire = async ({ run, connections }: Pool, deadlineMs: number): Promise<void> => {
    if (!run.ended) await run.shutDown(deadlineMs)
    instances.removePool(run.id)
    await endsWithin(GRACE_MS, connections.close())
  }
  /** Replaces the pool at once. The old one ends beside the new one. */
  const retirePool = (deadlineMs: number): void => {
    const retired = current
    current = undefined
    if (retired) retiring.track(retire(retired, deadlineMs))
  }

  const loop = createLoop({
    name: 'worker',
    everyMs: EVERY_MS,
    log,
    step: async () => {
      if (current?.run.ended) retirePool(monotonicMs())
      else if (current && current.run.silentMs > silentMs) {
        log.error('the worker fetches no jobs; restarting it')
        retirePool(monotonicMs())
      } else if (current?.run.failed && (await current.connections.probe())) retirePool(monotonicMs() + RETIRE_MS)
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
      retirePool(deadlineMs)
      await Promise.all([endsWithin(GRACE_MS, loop.stop()), retiring.drain(deadlineMs + RETIRED_MS)])
    },
    sinceLastFetchMs: () => {
      if (fetchedAtMs === undefined) return undefined
      return current?.run.full ? 0 : Math.round(monotonicMs() - fetchedAtMs)
    },
  }
}
