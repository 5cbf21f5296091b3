import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import { AppError, describeError } from '../../base/errors.ts'
import { findFolder } from './folder.ts'
import { acquireOwnerLock } from './lock.ts'
import { type EmbeddedPostgres, start, type StartOptions } from './start.ts'

/** Restarts of the embedded server, for health. */
export interface ServerState {
  /** Number of restarts after an unexpected end. */
  readonly restarts: number
  /** Code of the error of the last start, while the server does not run. */
  readonly problem: string | undefined
}

/** The embedded server while this process owns its data folder. */
export interface SupervisedPostgres extends Pick<EmbeddedPostgres, 'owner' | 'app' | 'wasRunning'> {
  state(): ServerState
  /** Releases the owner lock and stops the server. */
  stop(): Promise<void>
}

export interface SuperviseOptions extends StartOptions {
  /** Called when this process must not write any more: another process owns the folder, or the server was stopped on purpose. */
  readonly onLockLost?: () => void
}

/** A server that lived at least this long did not end because of its start. */
const STABLE_MS = 60_000
const FIRST_BACKOFF_MS = 500
const MAX_BACKOFF_MS = 15_000
/** Maximum time that a stop waits for a restart in progress. After that the server runs on, and the next start connects to it. */
const STOP_LIMIT_MS = 10_000

/**
 * Starts the server, acquires the owner lock, and starts the server again whenever it ends unexpectedly: killed, crashed, or without disk
 * space. Restarts back off when the server ends soon after its start. A fast or smart shutdown by an operator (`kill -INT`) is obeyed: it
 * calls `onLockLost`. Returns undefined when another running process holds the lock; the server then stays as it is.
 */
export async function supervise(options: SuperviseOptions): Promise<SupervisedPostgres | undefined> {
  const { log = () => undefined } = options
  const first = await start(options)
  const stopping = new AbortController()
  let server = first
  let startedAtMs = monotonicMs()
  let [restarts, quickEnds]: [number, number] = [0, 0]
  let problem: string | undefined
  let restarting: Promise<boolean> | undefined

  const restart = async (): Promise<boolean> => {
    if (wasShutDown(options.dataDir)) {
      log(`PostgreSQL (process ${server.pid}) was stopped on purpose.`)
      return false
    }
    quickEnds = monotonicMs() - startedAtMs < STABLE_MS ? quickEnds + 1 : 0
    log(`PostgreSQL (process ${server.pid}) has ended unexpectedly. It is started again.`)
    // The first restart is immediate.
    if (quickEnds > 1)
      await waitMs(Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(quickEnds - 2, 10), MAX_BACKOFF_MS), stopping.signal)
    if (stopping.signal.aborted) return false
    const beganMs = monotonicMs()
    startedAtMs = beganMs
    try {
      await server.stop() // only ends what watches the process that is gone
      server = await start(options)
      startedAtMs = monotonicMs()
      restarts++
      problem = undefined
      log(`PostgreSQL runs again (process ${server.pid}), after ${Math.round(startedAtMs - beganMs)} ms.`)
    } catch (error) {
      problem = error instanceof AppError ? error.code : 'internal'
      log(`PostgreSQL cannot be started again: ${describeError(error)}`)
    }
    return true
  }
  const revive = async (): Promise<boolean> => {
    if (server.isRunning()) return true
    return (restarting ??= restart().finally(() => (restarting = undefined)))
  }

  const { onLockLost } = options
  const lock = await acquireOwnerLock(first.owner, { revive, ...(onLockLost && { onLockLost }) })
  if (!lock) return undefined
  return {
    owner: first.owner,
    app: first.app,
    wasRunning: first.wasRunning,
    state: () => ({ restarts, problem }),
    stop: async () => {
      stopping.abort()
      await lock.release()
      const limit = new AbortController()
      await Promise.race([restarting, waitMs(STOP_LIMIT_MS, limit.signal)])
      limit.abort()
      await server.stop()
    },
  }
}

/** Offset of the cluster state in pg_control: after the system identifier (8 bytes) and two versions (4 bytes each). */
const STATE_OFFSET = 16
/** `DB_SHUTDOWNED` of PostgreSQL's pg_control.h: a shutdown wrote its last checkpoint. */
const SHUT_DOWN = 1

/** Returns whether the last server of this folder was shut down completely. A killed, crashed or immediately stopped one was not. */
function wasShutDown(dataDir: string): boolean {
  const folder = findFolder(dataDir)
  if (!folder) return false
  try {
    const file = openSync(join(folder.data, 'global', 'pg_control'), 'r')
    try {
      const state = Buffer.alloc(4)
      readSync(file, state, 0, state.length, STATE_OFFSET)
      return state.readInt32LE() === SHUT_DOWN
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}
