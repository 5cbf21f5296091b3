import { monotonicMs, waitMs } from '../../base/clock.ts'

/** Work in flight: what a drain waits for, and aborts at its deadline. */
export interface Tracker {
  readonly signal: AbortSignal
  readonly size: number
  /** Takes work that never rejects. */
  track(work: Promise<void>): void
  /** Waits until nothing is in flight; past the deadline (`monotonicMs`) aborts the signal and waits a moment more. False: some went on. */
  drain(deadlineMs: number): Promise<boolean>
}

/** How long work may take to end once it was aborted. */
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
      if (await within(deadlineMs - monotonicMs(), allEnded())) return true
      controller.abort(new Error('The process stops'))
      return within(GRACE_MS, allEnded())
    },
  }
}

/** Whether the work ended in this time. */
export async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController()
  try {
    return await Promise.race([work.then(() => true), waitMs(Math.max(0, ms), timer.signal).then(() => false)])
  } finally {
    timer.abort()
  }
}
