import { waitMs } from '../../base/clock.ts'
import type { Log } from '../../observe/log.ts'

export interface Loop {
  start(): void
  /** Runs the next step at once. A wake during a step applies to the step after it. Does not shorten the backoff after an error. */
  wake(): void
  /** Starts no more steps and resolves when the running step has ended. */
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
  /** Does one unit of work. Returns true to run again at once. */
  step(): Promise<boolean>
  log: Log
}

const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 5_000

/** Creates a loop that runs `step` until stopped. Errors do not end it: it backs off from 200 ms to 5 s. */
export function createLoop({ name, everyMs, batchWaitMs = 0, step, log }: LoopOptions): Loop {
  let failures = 0
  let woken = false
  let running: Promise<void> | undefined
  let pause: AbortController | undefined
  const stopped = new AbortController()

  const attempt = async (): Promise<boolean> => {
    woken = false
    try {
      const more = await step()
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
    if (failures > 0) return waitMs(Math.min(MIN_BACKOFF_MS * 2 ** (failures - 1), MAX_BACKOFF_MS), stopped.signal)
    if (!woken) {
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
      running ??= run()
    },
    wake: () => {
      woken = true
      pause?.abort()
    },
    stop: async () => {
      stopped.abort()
      await running
    },
    get failures() {
      return failures
    },
  }
}
