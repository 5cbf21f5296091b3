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

/** When the day that `at` is in began in a time zone such as `Africa/Nairobi`. */
export const startOfDay = (at: Date, timeZone: string): Date => startOfDate(dateOf(at, timeZone), timeZone)

/** The date that `at` is in a time zone, `2026-01-15`. */
export const dateOf = (at: Date, timeZone: string): string =>
  new Date(localMs(at.getTime(), timeZone)).toISOString().slice(0, 10)

/** When a date, `2026-01-15`, begins in a time zone. */
export function startOfDate(date: string, timeZone: string): Date {
  const midnight = Date.parse(`${date}T00:00:00Z`)
  const offsetAt = (ms: number): number => localMs(ms, timeZone) - ms
  // Twice: the offset at midnight may differ from the one of the first guess by summer time.
  const guess = midnight - offsetAt(midnight)
  return new Date(midnight - offsetAt(guess))
}

/** The date so many days later, by the calendar. */
export const addDays = (date: string, days: number): string =>
  addMs(new Date(`${date}T00:00:00Z`), days * 24 * 60 * 60_000)
    .toISOString()
    .slice(0, 10)

/** What a clock on the wall says, as if it were UTC. */
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

/** Monotonic milliseconds, for measuring how long something took. */
export const monotonicMs = (): number => performance.now()

/** Resolves after real time has passed, early and without an error when the signal fires. */
export async function waitMs(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    if (!signal?.aborted) throw error
  })
}
