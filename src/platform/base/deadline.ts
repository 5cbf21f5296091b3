import { AppError } from './errors.ts'
import { monotonicMs } from './clock.ts'

const TICK_MS = 1_000
/** Part of a stall of the event loop that counts as running time. */
const MAX_STALL_MS = 3_000

let ticker: NodeJS.Timeout | undefined
let countedMs = 0
let tickedAtMs = 0

const advance = (): void => {
  const now = monotonicMs()
  countedMs += Math.min(now - tickedAtMs, MAX_STALL_MS)
  tickedAtMs = now
}

/**
 * Returns milliseconds in which this process ran. Time in which it could not run (SIGSTOP, a suspended machine, a blocked event loop)
 * counts as 3 s at most. A deadline in this time gives work after a stall the chance to go on, because its answers have often arrived.
 */
export function runningMs(): number {
  if (!ticker) {
    tickedAtMs = monotonicMs()
    ticker = setInterval(advance, TICK_MS)
    ticker.unref()
  }
  advance()
  return countedMs
}

/** Longest time that a timer accepts. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Calls `onExceeded` once after `limitMs` of running time. Returns a function that cancels the call. */
export function startDeadline(limitMs: number, onExceeded: () => void): () => void {
  const until = runningMs() + limitMs
  let timer: NodeJS.Timeout | undefined
  const wait = (ms: number): void => {
    timer = setTimeout(check, Math.min(ms, MAX_TIMER_MS))
    // Work that waits for nothing but its deadline does not keep a process from its end.
    timer.unref()
  }
  const check = (): void => {
    const leftMs = until - runningMs()
    if (leftMs <= 0) onExceeded()
    else wait(leftMs)
  }
  wait(limitMs)
  return () => clearTimeout(timer)
}

export interface DeadlineOptions {
  /** Subject of the error, such as `queue inbox.events`. */
  name: string
  /** Limit in milliseconds of running time. */
  limitMs: number
  /** Also aborts the signal of the work. It does not end the wait for the work. */
  signal?: AbortSignal
}

/**
 * Runs `act` with a limit. Past the limit it aborts the signal of `act` and rejects with `platform.deadline-exceeded`, whether or not
 * `act` ever settles. The result of abandoned work is dropped.
 */
export async function withDeadline<T>(
  { name, limitMs, signal: outer }: DeadlineOptions,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const exceeded = Promise.withResolvers<never>()
  const cancel = startDeadline(limitMs, () => {
    const error = new AppError(
      'platform.deadline-exceeded',
      500,
      `${name} did not end within ${limitMs / 1_000} s. It was abandoned.`,
    )
    controller.abort(error)
    exceeded.reject(error)
  })
  const forward = (): void => controller.abort(outer?.reason)
  if (outer?.aborted) forward()
  else outer?.addEventListener('abort', forward)
  try {
    return await Promise.race([act(controller.signal), exceeded.promise])
  } finally {
    cancel()
    outer?.removeEventListener('abort', forward)
  }
}
