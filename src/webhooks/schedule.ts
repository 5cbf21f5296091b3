import { createHash } from 'node:crypto'
import { addMs } from '#platform/base/clock'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** Delays after each failure, 72 hours in total. The first are short, to bridge a restart of the shop; the last bridge a weekend. */
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
/** Each delay varies by up to this share in both directions, so that simultaneous failures do not retry simultaneously. */
const JITTER = 0.2
/** Maximum delay that an endpoint may request by Retry-After. */
const RETRY_AFTER_MAX_MS = HOUR_MS

/** An endpoint is disabled after this time without a success. */
export const DISABLE_AFTER_MS = 5 * 24 * HOUR_MS

/**
 * Returns the time of the next attempt after the given number of failures (1 or more). Undefined when no attempts are left. The jitter
 * derives from the id, so that a run can be replayed.
 */
export function nextAttemptAt(
  id: string,
  failures: number,
  now: Date,
  retryAfterMs: number | undefined,
): Date | undefined {
  const delayMs = RETRY_DELAYS_MS[failures - 1]
  if (delayMs === undefined) return undefined
  const random = createHash('sha256').update(`${id} ${failures}`).digest().readUInt32BE(0) / 2 ** 32
  const jittered = delayMs * (1 - JITTER + 2 * JITTER * random)
  return addMs(now, Math.round(Math.max(jittered, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS))))
}

/** Parses Retry-After (seconds or a date) to milliseconds. Undefined when absent or malformed. */
export function parseRetryAfter(text: string | undefined, now: Date): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * SECOND_MS
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime())
}
