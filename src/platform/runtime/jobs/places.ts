import { createTracker, type Tracker } from './tracker.ts'

/** A fixed number of places in which rows are handled. A row that hangs takes its place and no other. */
export interface Places extends Pick<Tracker, 'signal' | 'drain'> {
  add(rows: readonly unknown[]): void
  /** Resolves when no row waits and a place is free, or nothing more is taken. */
  room(): Promise<void>
  close(): void
  readonly closed: boolean
}

/** `handle` must not reject. */
export function createPlaces(count: number, handle: (row: unknown) => Promise<void>): Places {
  const tracker = createTracker()
  const waiting: unknown[] = []
  let busy = 0
  let closed = false
  let freed = Promise.withResolvers<void>()

  const announce = (): void => {
    freed.resolve()
    freed = Promise.withResolvers()
  }

  const work = async (): Promise<void> => {
    busy += 1
    while (waiting.length > 0 && !tracker.signal.aborted) await handle(waiting.shift())
    busy -= 1
    announce()
  }

  return {
    signal: tracker.signal,
    drain: (deadlineMs) => tracker.drain(deadlineMs),
    add: (rows) => {
      waiting.push(...rows)
      while (waiting.length > 0 && busy < count) tracker.track(work())
    },
    room: async () => {
      while (!closed && (waiting.length > 0 || busy >= count)) await freed.promise
    },
    close: () => {
      closed = true
      announce()
    },
    get closed() {
      return closed
    },
  }
}
