import { type Clock, monotonicMs } from '../../base/clock.ts'
import type { Db } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import { createLoop } from './loop.ts'
import { moveDue } from './outbox.ts'

export interface Relay {
  start(): void
  wake(): void
  /** Moves rows until none is due. Returns their number. */
  moveAll(): Promise<number>
  stop(): Promise<void>
  /** Milliseconds since the last successful poll. Undefined before the start. */
  sinceLastPollMs(): number | undefined
}

interface Deps {
  db: Db
  clock: Clock
  log: Log
  /** Jobs of this program, by name. */
  known: ReadonlyMap<string, unknown>
}

const POLL_MS = 200
/** Wait after a wake. Under load thousands of wakes arrive per second; one statement moves the rows of this time. */
const BATCH_WAIT_MS = 10
const BATCH = 500

/** Moves due outbox rows to the job queue in batches. Adding jobs to the queue inside business transactions would slow those down. */
export function createRelay({ db, clock, log, known }: Deps): Relay {
  const reported = new Set<string>()
  let lastPollMs: number | undefined

  const move = async (signal?: AbortSignal): Promise<number> => {
    const { count, jobs } = await moveDue(db, clock.now(), BATCH)
    if (!signal?.aborted) lastPollMs = monotonicMs()
    for (const job of jobs) {
      if (known.has(job) || reported.has(job)) continue
      reported.add(job)
      log.warn({ job }, 'the queue has a job that this version does not know')
    }
    return count
  }

  const loop = createLoop({
    name: 'relay',
    everyMs: POLL_MS,
    batchWaitMs: BATCH_WAIT_MS,
    log,
    step: async (signal) => (await move(signal)) === BATCH,
  })

  return {
    start: () => {
      lastPollMs = monotonicMs()
      loop.start()
    },
    wake: () => loop.wake(),
    moveAll: async () => {
      let total = 0
      for (let count = await move(); count > 0; count = await move()) total += count
      return total
    },
    stop: () => loop.stop(),
    sinceLastPollMs: () => (lastPollMs === undefined ? undefined : Math.round(monotonicMs() - lastPollMs)),
  }
}
