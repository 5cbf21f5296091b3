import { setTimeout as delay } from 'node:timers/promises'

/** Where all code takes time from, so that tests and the simulator can set it. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

/** A clock that stands still until it is moved. For tests and the simulator. */
export interface SetClock extends Clock {
  advance(ms: number): void
  set(at: Date): void
}

export function createSetClock(start: Date = new Date('2026-01-15T09:00:00Z')): SetClock {
  let current = start.getTime()
  return {
    now: () => new Date(current),
    advance: (ms) => void (current += ms),
    set: (at) => void (current = at.getTime()),
  }
}

/** `at` moved by so many milliseconds. */
export const addMs = (at: Date, ms: number): Date => new Date(at.getTime() + ms)

/** Monotonic milliseconds, for measuring how long something took. */
export const monotonicMs = (): number => performance.now()

/** Resolves after real time has passed, early and without an error when the signal fires. */
export async function waitMs(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    if (!signal?.aborted) throw error
  })
}
