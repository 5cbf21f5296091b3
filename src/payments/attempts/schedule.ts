import { addMs } from '#platform/base/clock'
import type { Collect, Outcome } from '#rails/contract'
import type { AttemptRow } from '../store/attempts.ts'

/** Decides when to query a provider again and when to stop waiting. Pure functions. */

type Watched = Pick<
  AttemptRow,
  'state' | 'kind' | 'reference' | 'checks' | 'submittedAt' | 'createdAt' | 'unconfirmed'
> &
  Partial<Pick<AttemptRow, 'endsAt'>>
type Pace = Pick<Collect, 'checkAfterMs' | 'lifetimeMs'>

const MINUTE_MS = 60_000
/** Time after which an attempt with a lost answer stops blocking the payer. Late money is still credited. */
export const ABANDON_LOST_MS = 3 * MINUTE_MS
/** Extra time for a silent provider after the attempt's lifetime, before the attempt stops blocking the payer. */
export const SILENCE_GRACE_MS = 10 * MINUTE_MS
/** Longest interval between checks of an abandoned attempt. */
const WATCH_EVERY_MS = 60 * MINUTE_MS
const WATCH_FOR_MS = 48 * 60 * MINUTE_MS
const FEES_FOR_MS = 7 * 24 * 60 * MINUTE_MS
const SLOWEST_FEE_MS = 6 * 60 * MINUTE_MS
const SLOWEST_MS = 10 * MINUTE_MS

/** Returns when the attempt can no longer be paid, unless the provider says otherwise. */
const endOf = ({ endsAt, submittedAt, createdAt }: Watched, { lifetimeMs }: Pace): Date =>
  endsAt ?? addMs(submittedAt ?? createdAt, lifetimeMs)

/** Returns the time of the next check; null when there is none. */
export function nextCheckAt(attempt: Watched, pace: Pace, now: Date): Date | null {
  const startedAt = attempt.submittedAt ?? attempt.createdAt
  switch (attempt.state) {
    case 'settled':
    case 'failed':
      return null
    case 'abandoned':
      // The provider may find the attempt only later. An attempt whose answer was lost is found by our own id.
      if (now >= addMs(startedAt, pace.lifetimeMs + WATCH_FOR_MS)) return null
      return addMs(now, Math.max(MINUTE_MS, Math.min(now.getTime() - startedAt.getTime(), WATCH_EVERY_MS)))
    case 'created':
    case 'submitting':
    case 'pending':
    case 'unknown': {
      const waitMs = pace.checkAfterMs[Math.min(attempt.checks, pace.checkAfterMs.length - 1)] ?? SLOWEST_MS
      // The rail's watch reports deposits to an address, so there is nothing to query before its time ends.
      const watched = attempt.kind === 'address' && attempt.reference !== null
      const next = addMs(now, watched ? pace.lifetimeMs : waitMs)
      const ends = [endOf(attempt, pace), addMs(endOf(attempt, pace), SILENCE_GRACE_MS)]
      if (attempt.state === 'unknown' && attempt.reference === null) ends.push(addMs(startedAt, ABANDON_LOST_MS))
      // Do not sleep past a deadline that decides something.
      return [...ends.filter((end) => end > now), next].reduce((first, each) => (each < first ? each : first))
    }
  }
}

/**
 * Returns when to query the provider's fee again; null after 7 days. `endedAt`: end of the payment. The first wait is
 * one minute, then as long as it took so far.
 */
export function nextFeeCheckAt(endedAt: Date, now: Date): Date | null {
  const ageMs = now.getTime() - endedAt.getTime()
  if (ageMs >= FEES_FOR_MS) return null
  return addMs(now, Math.max(MINUTE_MS, Math.min(ageMs, SLOWEST_FEE_MS)))
}

/** Returns the retry time after an internal error: 5 seconds, doubled each time, up to an hour. */
export const backOff = (failures: number, now: Date): Date =>
  addMs(now, Math.min(5000 * 2 ** Math.min(failures, 10), WATCH_EVERY_MS))

/** Decides after a check whether to stop waiting. `error`: the provider did not answer, which alone proves nothing. */
export function giveUp(
  attempt: Watched,
  answer: Outcome['kind'] | 'error',
  pace: Pace,
  now: Date,
): 'abandon' | 'expire' | undefined {
  if (attempt.unconfirmed || (attempt.state !== 'pending' && attempt.state !== 'unknown')) return undefined
  const ageMs = now.getTime() - (attempt.submittedAt ?? attempt.createdAt).getTime()
  if (answer === 'pending') {
    if (now < endOf(attempt, pace)) return undefined
    // A prompt or a page can still be paid until the provider says that it cannot.
    return attempt.kind === 'push' || attempt.kind === 'page' ? 'abandon' : 'expire'
  }
  if (answer !== 'unknown' && answer !== 'error') return undefined
  if (attempt.state === 'unknown' && attempt.reference === null && answer === 'unknown' && ageMs >= ABANDON_LOST_MS)
    return 'abandon'
  return now >= addMs(endOf(attempt, pace), SILENCE_GRACE_MS) ? 'abandon' : undefined
}
