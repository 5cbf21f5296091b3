import { waitMs } from '../../base/clock.ts'
import { runningMs, withDeadline } from '../../base/deadline.ts'
import type { Log } from '../../observe/log.ts'

export interface Loop {
  start(): void
  /** Runs the next step at once. A wake during a step applies to the step after it. Does not shorten the backoff after an error. */
  wake(): void
  /** Starts no more steps and resolves when the running step has ended or was abandoned. */
  stop(): Promise<void>
  /** Failed steps since the last successful one. */
  readonly failures: number
}

export interface LoopOptions {
  name: string
  /** Milliseconds between steps without a wake. */
  everyMs: number
  /** Milliseconds to wait after a wake, so that one step handles work that arrives together. Default: 0. */
  batchWaitMs?: number
  /** Deadline of a step in milliseconds. Default: 45 s, longer than any statement of the database client may take. */
  limitMs?: number
  /**
   * Does one unit of work. Returns true to run again at once. A step past its deadline has failed: its signal aborts, the loop goes on,
   * and the end of the abandoned step changes nothing in the loop. A step may therefore overlap with an abandoned one.
   */
  step(signal: AbortSignal): Promise<boolean>
  log: Log
}

const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 5_000
const STEP_LIMIT_MS = 45_000

/** Time after which a loop that neither begins nor fails a step counts as hung. Longer than the deadline of a step. */
const SILENT_MS = 60_000

/** Started loops of this process, and the time (`runningMs`) by which each last had to begin a step. */
const running = new Map<object, { name: string; dueMs: number }>()

/**
 * Returns the names of the loops of this process that have neither begun nor failed a step for `silentMs` milliseconds of running time.
 * The pause between two steps does not count. Empty in a healthy process, also while the database is unreachable: steps then fail.
 */
export function listSilentLoops(silentMs: number = SILENT_MS): string[] {
  const now = runningMs()
  return [...running.values()].filter(({ dueMs }) => now - dueMs > silentMs).map(({ name }) => name)
}

/** Creates a loop that runs `step` until stopped. Errors do not end it: it backs off from 200 ms to 5 s. */
export function createLoop({ name, everyMs, batchWaitMs = 0, limitMs = STEP_LIMIT_MS, step, log }: LoopOptions): Loop {
  let failures = 0
  let woken = false
  let ended: Promise<void> | undefined
  let pause: AbortController | undefined
  const stopped = new AbortController()

  const entry = { name, dueMs: 0 }
  /** Reports that the loop is alive, and by when it reports again. */
  const report = (pauseMs = 0): void => void (entry.dueMs = runningMs() + pauseMs)

  const attempt = async (): Promise<boolean> => {
    woken = false
    report()
    try {
      const more = await withDeadline({ name: `A step of loop ${name}`, limitMs }, step)
      if (failures > 0) log.info({ loop: name, failures }, 'loop recovered')
      failures = 0
      return more
    } catch (err) {
      failures += 1
      // Log failures 1, 2, 4, 8 …: every loop fails while the database is unreachable.
      if ((failures & (failures - 1)) === 0) log.error({ loop: name, failures, err }, 'loop step failed; retrying')
      return false
    }
  }

  const pauseLoop = async (): Promise<void> => {
    if (failures > 0) {
      const backoffMs = Math.min(MIN_BACKOFF_MS * 2 ** (failures - 1), MAX_BACKOFF_MS)
      report(backoffMs)
      return waitMs(backoffMs, stopped.signal)
    }
    if (!woken) {
      report(everyMs)
      pause = new AbortController()
      await waitMs(everyMs, AbortSignal.any([pause.signal, stopped.signal]))
      pause = undefined
    }
    if (woken && batchWaitMs > 0) await waitMs(batchWaitMs, stopped.signal)
  }

  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const more = await attempt()
      if (!more && !stopped.signal.aborted) await pauseLoop()
    }
  }

  return {
    start: () => {
      if (stopped.signal.aborted) return
      report()
      running.set(entry, entry)
      ended ??= run()
    },
    wake: () => {
      woken = true
      pause?.abort()
    },
    stop: async () => {
      stopped.abort()
      running.delete(entry)
      await ended
    },
    get failures() {
      return failures
    },
  }
}
