import type { HealthCheck } from '#platform/runtime/health'
import { type Context, railOf } from './context.ts'
import { measureWaitingRefunds } from './refunds/resolve.ts'
import { findOldestDue } from './store/attempts.ts'
import { measureSentTransfers } from './store/transfers.ts'
import { isSweep, listWatchStates, railOfWatch } from './store/watching.ts'

/** Workers look every half second: what has waited for so long says that none runs, or that they cannot keep up. */
const LATE_SECONDS = 60
/** A node that restarts is back within this. */
const BLIND_MS = 120_000
/** Of what is done once a day. */
const SWEEP_BLIND_MS = 60 * 60_000

/** A payer whom an operator owes money, or whose transfer somebody is to look for, waits no longer than this. */
const PATIENCE_MS = 24 * 60 * 60_000

/** Whether events are handled and attempts looked at in time. Also sets the gauges. */
export const paymentsHealth = (context: Context): HealthCheck => ({
  name: 'payments',
  critical: false,
  check: async () => {
    const { overdueSeconds } = await measure(context)
    const late = overdueSeconds > LATE_SECONDS
    const blind = await listBlind(context)
    const isForgotten = (since: Date | null): since is Date =>
      since !== null && context.clock.now().getTime() - since.getTime() > PATIENCE_MS
    const { waiting, since } = await measureWaitingRefunds(context)
    const forgotten = isForgotten(since)
    const sent = await measureSentTransfers(context.db)
    const reorged = await context.cases.countOpen(context.db, 'taken-back')
    return {
      status: late || blind.length > 0 || forgotten || isForgotten(sent.since) || reorged > 0 ? 'degraded' : 'healthy',
      detail: {
        overdueSeconds,
        refundsWaiting: waiting,
        ...(forgotten && { refundsWaitingSince: since.toISOString() }),
        transfersWaiting: sent.waiting,
        ...(isForgotten(sent.since) && { transfersWaitingSince: sent.since.toISOString() }),
        ...(reorged > 0 && { reorged }),
        ...(blind.length > 0 && { blind }),
      },
    }
  },
})

/** Rails that cannot look for their money, and why; and those that nobody looks for. */
async function listBlind(context: Context): Promise<string[]> {
  const now = context.clock.now().getTime()
  return (await listWatchStates(context.db)).flatMap(({ rail, failingSince, dueAt, problem }) => {
    if (railOf(context, railOfWatch(rail))?.unavailable() !== undefined) return []
    const patienceMs = isSweep(rail) ? SWEEP_BLIND_MS : BLIND_MS
    if (failingSince && now - failingSince.getTime() >= patienceMs) return [`${rail}: ${problem ?? 'cannot look'}`]
    return now - dueAt.getTime() >= patienceMs ? [`${rail}: nobody looks`] : []
  })
}

/** Reads how long the oldest due attempt has waited, and sets its gauge. */
export async function measure(context: Context): Promise<{ overdueSeconds: number }> {
  const now = context.clock.now()
  const due = await findOldestDue(context.db, now)
  const overdueSeconds = due?.dueAt ? Math.max(0, Math.round((now.getTime() - due.dueAt.getTime()) / 1000)) : 0
  context.meters.overdue.set(overdueSeconds)
  return { overdueSeconds }
}
