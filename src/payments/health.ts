import type { HealthCheck } from '#platform/runtime/health'
import { type Context, railOf } from './context.ts'
import { listSilentRails } from './attempts/answers.ts'
import { measureWaitingRefunds } from './refunds/resolve.ts'
import { findOldestDue } from './store/attempts.ts'
import { measureSentTransfers } from './store/transfers.ts'
import { isSweep, listWatchStates, railOfWatch } from './store/watching.ts'

/** Workers poll every half second. An attempt that is overdue by more than this means that no worker runs, or that they cannot keep up. */
const OVERDUE_SECONDS = 60
/** A poll of a watching rail that is overdue by more than this degrades health. A restarting node is back sooner. */
const WATCH_STALE_MS = 120_000
/** The same limit for the daily sweep. */
const SWEEP_STALE_MS = 60 * 60_000

/** Maximum wait of a payer for an operator: to pay a refund manually, or to find a manual transfer. */
const OPERATOR_WAIT_MS = 24 * 60 * 60_000

/** Checks that attempts and watching rails are polled, providers answer and operators act in time. Also sets the gauges. */
export const paymentsHealth = (context: Context): HealthCheck => ({
  name: 'payments',
  critical: false,
  check: async () => {
    const { overdueSeconds } = await measure(context)
    const late = overdueSeconds > OVERDUE_SECONDS
    const blind = await listStaleWatches(context)
    const silent = await listSilentRails(context)
    const isWaitingTooLong = (since: Date | null): since is Date =>
      since !== null && context.clock.now().getTime() - since.getTime() > OPERATOR_WAIT_MS
    const { waiting, since } = await measureWaitingRefunds(context)
    const refundsWaitTooLong = isWaitingTooLong(since)
    const sent = await measureSentTransfers(context.db)
    const reorged = await context.cases.countOpen(context.db, 'taken-back')
    return {
      status:
        late ||
        silent.length > 0 ||
        blind.length > 0 ||
        refundsWaitTooLong ||
        isWaitingTooLong(sent.since) ||
        reorged > 0
          ? 'degraded'
          : 'healthy',
      detail: {
        overdueSeconds,
        refundsWaiting: waiting,
        ...(refundsWaitTooLong && { refundsWaitingSince: since.toISOString() }),
        transfersWaiting: sent.waiting,
        ...(isWaitingTooLong(sent.since) && { transfersWaitingSince: sent.since.toISOString() }),
        ...(reorged > 0 && { takenBack: reorged }),
        ...(blind.length > 0 && { blind }),
        ...(silent.length > 0 && { silent }),
      },
    }
  },
})

/** Lists watching rails whose polls fail, with the reason, and those whose polls do not run. */
async function listStaleWatches(context: Context): Promise<string[]> {
  const now = context.clock.now().getTime()
  return (await listWatchStates(context.db)).flatMap(({ rail, failingSince, dueAt, problem }) => {
    if (railOf(context, railOfWatch(rail))?.unavailable() !== undefined) return []
    const staleAfterMs = isSweep(rail) ? SWEEP_STALE_MS : WATCH_STALE_MS
    if (failingSince && now - failingSince.getTime() >= staleAfterMs) return [`${rail}: ${problem ?? 'the scan fails'}`]
    return now - dueAt.getTime() >= staleAfterMs ? [`${rail}: no scan runs`] : []
  })
}

/** Measures how long the oldest due attempt has waited, and sets the gauge. */
export async function measure(context: Context): Promise<{ overdueSeconds: number }> {
  const now = context.clock.now()
  const due = await findOldestDue(context.db, now)
  const overdueSeconds = due?.dueAt ? Math.max(0, Math.round((now.getTime() - due.dueAt.getTime()) / 1000)) : 0
  context.meters.overdue.set(overdueSeconds)
  return { overdueSeconds }
}
