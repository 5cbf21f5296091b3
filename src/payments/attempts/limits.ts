import type { FailureReason } from '#rails/contract'
import { tooManyAttempts, tooManyDeclines, tooManyPrompts } from '../errors.ts'
import type { AttemptRow } from '../store/attempts.ts'
import type { AttemptLimits } from './types.ts'

const MINUTE_MS = 60_000

export const ATTEMPT_LIMITS: AttemptLimits = {
  perIntent: 10,
  promptsPerPhone: 3,
  promptWindowMs: 10 * MINUTE_MS,
  declinesPerIntent: 5,
  declineWindowMs: 10 * MINUTE_MS,
}

const DECLINES: ReadonlySet<FailureReason> = new Set([
  'declined',
  'insufficient-funds',
  'wrong-pin',
  'authentication-failed',
])

export function requireAttemptsLeft(attempts: readonly AttemptRow[], { perIntent }: AttemptLimits): void {
  if (attempts.length >= perIntent) throw tooManyAttempts(perIntent)
}

/** Limits declines for public attempts. Throws 429 `payments.too-many-declines` with the seconds to wait. */
export function requireFewDeclines(attempts: readonly AttemptRow[], limits: AttemptLimits, now: Date): void {
  const since = now.getTime() - limits.declineWindowMs
  const declines = attempts
    .filter(({ reason, declined }) => isDecline(reason) || isDecline(declined))
    .map(({ endedAt, createdAt }) => (endedAt ?? createdAt).getTime())
    .filter((at) => at > since)
    .toSorted((a, b) => a - b)
  const oldest = declines.at(-limits.declinesPerIntent)
  if (oldest !== undefined) throw tooManyDeclines(secondsUntil(oldest + limits.declineWindowMs, now))
}

/**
 * Limits prompts per phone for public attempts. `prompts`: times within the window, oldest first. Throws 429
 * `payments.too-many-prompts`.
 */
export function requireFewPrompts(prompts: readonly Date[], limits: AttemptLimits, now: Date): void {
  const oldest = prompts.at(-limits.promptsPerPhone)
  if (prompts.length < limits.promptsPerPhone || !oldest) return
  throw tooManyPrompts(secondsUntil(oldest.getTime() + limits.promptWindowMs, now))
}

const isDecline = (reason: FailureReason | null): boolean => reason !== null && DECLINES.has(reason)
const secondsUntil = (at: number, now: Date): number => Math.max(1, Math.ceil((at - now.getTime()) / 1000))
