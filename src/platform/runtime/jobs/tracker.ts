import { monotonicMs, waitMs } from '../../base/clock.ts'

/** Tracks work in flight. A drain waits for it and aborts it at a deadline. */
export interface Tracker {
  readonly signal: AbortSignal
  readonly size: number
  /** Adds work, which must never reject. */
  track(work: Promise<void>): void
  /** Waits for all work. After the deadline (`monotonicMs`) aborts the signal and waits `GRACE_MS` more. Returns false when work still runs. */
  drain(deadlineMs: number): Promise<boolean>
}

/** Time that aborted work has to end. */
export const GRACE_MS = 1_000

export function createTracker(): Tracker {
  const inFlight = new Set<Promise<void>>()
  const controller = new AbortController()
  const allEnded = async (): Promise<void> => {
    while (inFlight.size > 0) await Promise.race(inFlight)
  }
  return {
    signal: controller.signal,
    get size() {
      return inFlight.size
    },
    track: (work) => {
      const ended = work.finally(() => inFlight.delete(ended))
      inFlight.add(ended)
    },
    drain: async (deadlineMs) => {
      if (await endsWithin(deadlineMs - monotonicMs(), allEnded())) return true
      controller.abort(new Error('The process stops'))
      return endsWithin(GRACE_MS, allEnded())
    },
  }
}

/** Waits for the work. Returns whether it ended within `ms` milliseconds. */
export async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController()
  try {
    return await Promise.race([work.then(() => true), waitMs(Math.max(0, ms), timer.signal).then(() => false)])
  } finally {
    timer.abort()
  }
}
