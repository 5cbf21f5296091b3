import { createHash } from 'node:crypto'
import { addMs } from '#platform/base/clock'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** Waits after the first failure, the second, and so on: 72 hours in all. Short at first, for a restart of the shop; then for a weekend. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  18 * HOUR_MS,
  22 * HOUR_MS,
]
/** Each wait is longer or shorter by up to this share, so that what failed together does not come back together. */
const JITTER = 0.2
/** The longest that an endpoint may ask us to wait by Retry-After. */
const ASKED_MAX_MS = HOUR_MS

/** So long without a single success, and an endpoint is disabled. */
export const DISABLE_AFTER_MS = 5 * 24 * HOUR_MS

/**
 * When to try again after the given number of failures (1 or more); undefined: not any more. The jitter is drawn from the id, so that a
 * run can be replayed.
 */
export function nextTry(id: string, failures: number, now: Date, retryAfterMs: number | undefined): Date | undefined {
  const delayMs = RETRY_DELAYS_MS[failures - 1]
  if (delayMs === undefined) return undefined
  const drawn = createHash('sha256').update(`${id} ${failures}`).digest().readUInt32BE(0) / 2 ** 32
  const jittered = delayMs * (1 - JITTER + 2 * JITTER * drawn)
  return addMs(now, Math.round(Math.max(jittered, Math.min(retryAfterMs ?? 0, ASKED_MAX_MS))))
}

/** Retry-After as milliseconds: seconds or a date. Undefined when absent or neither. */
export function parseRetryAfter(text: string | undefined, now: Date): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * SECOND_MS
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime())
}
