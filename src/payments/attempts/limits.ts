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

/** Of a public attempt: what was declined lately. */
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

/** Of a public attempt: prompts on this phone since the window began, oldest first. */
export function requireFewPrompts(prompts: readonly Date[], limits: AttemptLimits, now: Date): void {
  const oldest = prompts.at(-limits.promptsPerPhone)
  if (prompts.length < limits.promptsPerPhone || !oldest) return
  throw tooManyPrompts(secondsUntil(oldest.getTime() + limits.promptWindowMs, now))
}

const isDecline = (reason: FailureReason | null): boolean => reason !== null && DECLINES.has(reason)
const secondsUntil = (at: number, now: Date): number => Math.max(1, Math.ceil((at - now.getTime()) / 1000))
