import { createTracker, type Tracker } from './tracker.ts'

/** A fixed number of slots that handle rows concurrently. A row that hangs blocks only its own slot. */
export interface Slots extends Pick<Tracker, 'signal' | 'drain'> {
  add(rows: readonly unknown[]): void
  /** Resolves when no row waits and a slot is free, or after `close`. */
  waitForFree(): Promise<void>
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
    waitForFree: async () => {
      while (!closed && (waiting.length > 0 || busy >= count)) await changed.promise
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
