import { monotonicMs } from '../../base/clock.ts'
import { createTracker, endsWithin, type Tracker } from './tracker.ts'

/** A fixed number of slots that handle rows concurrently. A row blocks only its own slot, until its deadline. */
export interface Slots extends Pick<Tracker, 'signal' | 'drain'> {
  add(rows: readonly unknown[]): void
  /** Waits until no row waits and a slot is free. Returns false when that takes longer than `ms` milliseconds, and after `close`. */
  waitForFree(ms: number): Promise<boolean>
  close(): void
  readonly closed: boolean
}

/** Creates `count` slots. `handle` must not reject. */
export function createSlots(count: number, handle: (row: unknown) => Promise<void>): Slots {
  const tracker = createTracker()
  const waiting: unknown[] = []
  let busy = 0
  let closed = false
  let changed = Promise.withResolvers<void>()

  const announceChange = (): void => {
    changed.resolve()
    changed = Promise.withResolvers()
  }

  const handleWaiting = async (): Promise<void> => {
    busy += 1
    while (waiting.length > 0 && !tracker.signal.aborted) await handle(waiting.shift())
    busy -= 1
    announceChange()
  }

  return {
    signal: tracker.signal,
    drain: (deadlineMs) => tracker.drain(deadlineMs),
    add: (rows) => {
      waiting.push(...rows)
      while (waiting.length > 0 && busy < count) tracker.track(handleWaiting())
    },
    waitForFree: async (ms) => {
      const isFree = (): boolean => waiting.length === 0 && busy < count
      const untilMs = monotonicMs() + ms
      while (!closed && !isFree()) if (!(await endsWithin(untilMs - monotonicMs(), changed.promise))) return false
      return !closed
    },
    close: () => {
      closed = true
      announceChange()
    },
    get closed() {
      return closed
    },
  }
}
