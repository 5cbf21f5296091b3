import { waitMs } from '../../base/clock.ts'
import type { Log } from '../../observe/log.ts'

export interface Loop {
  start(): void
  /** Makes the next step come at once; a wake during a step counts for the one after. Not while it backs off from an error. */
  wake(): void
  /** Resolves when the running step, if any, has ended. No step begins any more. */
  stop(): Promise<void>
  /** Steps that failed since the last good one. */
  readonly failures: number
}

export interface LoopOptions {
  name: string
  /** Wait between steps, unless woken. */
  everyMs: number
  /** Waits so long after a wake, so that what comes together is done together. */
  gatherMs?: number
  /** True: there is more, come again at once. */
  step(): Promise<boolean>
  log: Log
}

const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 5_000

/** Runs `step` again and again until stopped. It never dies: after an error it waits, longer each time. */
export function createLoop({ name, everyMs, gatherMs = 0, step, log }: LoopOptions): Loop {
  let failures = 0
  let woken = false
  let running: Promise<void> | undefined
  let pause: AbortController | undefined
  const stopped = new AbortController()

  const attempt = async (): Promise<boolean> => {
    woken = false
    try {
      const more = await step()
      if (failures > 0) log.info({ loop: name, failures }, 'loop works again')
      failures = 0
      return more
    } catch (err) {
      failures += 1
      // While the database is away every loop fails: say so now and then, not each time.
      if ((failures & (failures - 1)) === 0) log.error({ loop: name, failures, err }, 'loop failed, will try again')
      return false
    }
  }

  const rest = async (): Promise<void> => {
    if (failures > 0) return waitMs(Math.min(MIN_BACKOFF_MS * 2 ** (failures - 1), MAX_BACKOFF_MS), stopped.signal)
    if (!woken) {
      pause = new AbortController()
      await waitMs(everyMs, AbortSignal.any([pause.signal, stopped.signal]))
      pause = undefined
    }
    if (woken && gatherMs > 0) await waitMs(gatherMs, stopped.signal)
  }

  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const more = await attempt()
      if (!more && !stopped.signal.aborted) await rest()
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
