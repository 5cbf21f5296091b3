import { setTimeout as delay } from 'node:timers/promises'

/** Source of the current time for all code. Tests and the simulator replace it. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

/** A clock that changes only through `advance` and `set`. For tests and the simulator. */
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

/** Returns `at` plus `ms` milliseconds. */
export const addMs = (at: Date, ms: number): Date => new Date(at.getTime() + ms)

/** Returns the start of the day that contains `at`, in a time zone such as `Africa/Nairobi`. */
export const startOfDay = (at: Date, timeZone: string): Date => startOfDate(dateOf(at, timeZone), timeZone)

/** Returns the calendar date of `at` in a time zone, as `2026-01-15`. */
export const dateOf = (at: Date, timeZone: string): string =>
  new Date(localMs(at.getTime(), timeZone)).toISOString().slice(0, 10)

/** Returns the first instant of a date such as `2026-01-15` in a time zone. */
export function startOfDate(date: string, timeZone: string): Date {
  const midnight = Date.parse(`${date}T00:00:00Z`)
  const offsetAt = (ms: number): number => localMs(ms, timeZone) - ms
  // Compute the offset twice: daylight saving time can make the offset at midnight differ from the offset of the first guess.
  const guess = midnight - offsetAt(midnight)
  return new Date(midnight - offsetAt(guess))
}

/** Returns the calendar date `days` days after `date`. */
export const addDays = (date: string, days: number): string =>
  addMs(new Date(`${date}T00:00:00Z`), days * 24 * 60 * 60_000)
    .toISOString()
    .slice(0, 10)

/** Returns the local wall-clock time in a time zone, encoded as if it were UTC milliseconds. */
function localMs(ms: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(new Date(ms))
  const of = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = of
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

/** Returns monotonic milliseconds, for measuring durations. */
export const monotonicMs = (): number => performance.now()

/** Resolves after `ms` milliseconds of real time, or early and without an error when the signal aborts. */
export async function waitMs(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    if (!signal?.aborted) throw error
  })
}
