import { type Clock, monotonicMs } from '../../base/clock.ts'
import type { Db } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import { createLoop } from './loop.ts'
import { moveDue } from './outbox.ts'

export interface Relay {
  start(): void
  wake(): void
  /** Moves until nothing is due. The number of rows moved. */
  moveAll(): Promise<number>
  stop(): Promise<void>
  /** Milliseconds since it last looked with success; undefined before it started. */
  silentMs(): number | undefined
}

interface Deps {
  db: Db
  clock: Clock
  log: Log
  /** Jobs that this program has, by name. */
  known: ReadonlyMap<string, unknown>
}

const EVERY_MS = 200
/** Under load wakes come thousands a second: what comes within this time is moved by one statement. */
const GATHER_MS = 10
const BATCH = 500

/** Moves due rows of the outbox to the job queue, in batches: adding a job in the transaction that wants it would slow all of them down. */
export function createRelay({ db, clock, log, known }: Deps): Relay {
  const strange = new Set<string>()
  let lookedAtMs: number | undefined

  const move = async (): Promise<number> => {
    const { count, jobs } = await moveDue(db, clock.now(), BATCH)
    lookedAtMs = monotonicMs()
    for (const job of jobs) {
      if (known.has(job) || strange.has(job)) continue
      strange.add(job)
      log.warn({ job }, 'a job waits that this version does not know')
    }
    return count
  }

  const loop = createLoop({
    name: 'relay',
    everyMs: EVERY_MS,
    gatherMs: GATHER_MS,
    log,
    step: async () => (await move()) === BATCH,
  })

  return {
    start: () => {
      lookedAtMs = monotonicMs()
      loop.start()
    },
    wake: () => loop.wake(),
    moveAll: async () => {
      let total = 0
      for (let count = await move(); count > 0; count = await move()) total += count
      return total
    },
    stop: () => loop.stop(),
    silentMs: () => (lookedAtMs === undefined ? undefined : Math.round(monotonicMs() - lookedAtMs)),
  }
}
