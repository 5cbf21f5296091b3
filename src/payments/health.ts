import type { HealthCheck } from '#platform/health'
import { findOldestDue } from './attempt-store.ts'
import { railOf, type Core } from './core.ts'
import { inboxState } from './inbox-store.ts'
import { measureSent } from './own/transfer-store.ts'
import { countOpen } from './reconciliation/case-store.ts'
import { measureWaitingRefunds } from './refunds/resolve.ts'
import { isSweep, listWatchStates, railOfRow } from './watch-store.ts'

/** Workers look every half second: what has waited for so long says that none runs, or that they cannot keep up. */
const LATE_SECONDS = 60
/** A node that restarts is back within this. */
const BLIND_MS = 120_000
/** Of what is done once a day. */
const SWEEP_BLIND_MS = 60 * 60_000

/** A payer whom an operator owes money, or whose transfer somebody is to look for, waits no longer than this. */
const PATIENCE_MS = 24 * 60 * 60_000

/** Whether events are handled and attempts looked at in time. Also sets the gauges. */
export const paymentsHealth = (core: Core): HealthCheck => ({
  name: 'payments',
  critical: false,
  check: async () => {
    const { inboxLagSeconds, parked, overdueSeconds } = await measure(core)
    const late = inboxLagSeconds > LATE_SECONDS || overdueSeconds > LATE_SECONDS
    const blind = await listBlind(core)
    const isForgotten = (since: Date | null): since is Date =>
      since !== null && core.clock.now().getTime() - since.getTime() > PATIENCE_MS
    const { waiting, since } = await measureWaitingRefunds(core)
    const forgotten = isForgotten(since)
    const sent = await measureSent(core.db)
    const takenBack = await countOpen(core.db, 'taken-back')
    return {
      status:
        late || blind.length > 0 || forgotten || isForgotten(sent.since) || takenBack > 0 ? 'degraded' : 'healthy',
      detail: {
        inboxLagSeconds,
        overdueSeconds,
        parkedEvents: parked,
        refundsWaiting: waiting,
        ...(forgotten && { refundsWaitingSince: since.toISOString() }),
        transfersWaiting: sent.waiting,
        ...(isForgotten(sent.since) && { transfersWaitingSince: sent.since.toISOString() }),
        ...(takenBack > 0 && { takenBack }),
        ...(blind.length > 0 && { blind }),
      },
    }
  },
})

/** Rails that cannot look for their money, and why; and those that nobody looks for. */
async function listBlind(core: Core): Promise<string[]> {
  const now = core.clock.now().getTime()
  return (await listWatchStates(core.db)).flatMap(({ rail, failingSince, dueAt, problem }) => {
    if (railOf(core, railOfRow(rail))?.unavailable() !== undefined) return []
    const patienceMs = isSweep(rail) ? SWEEP_BLIND_MS : BLIND_MS
    if (failingSince && now - failingSince.getTime() >= patienceMs) return [`${rail}: ${problem ?? 'cannot look'}`]
    return now - dueAt.getTime() >= patienceMs ? [`${rail}: nobody looks`] : []
  })
}

export async function measure(
  core: Core,
): Promise<{ inboxLagSeconds: number; parked: number; overdueSeconds: number }> {
  const now = core.clock.now()
  const since = (at: Date | null | undefined): number =>
    at ? Math.max(0, Math.round((now.getTime() - at.getTime()) / 1000)) : 0
  const { oldest, parked } = await inboxState(core.db)
  const due = await findOldestDue(core.db, now)
  const measured = { inboxLagSeconds: since(oldest), parked, overdueSeconds: since(due?.dueAt) }
  core.meters.inboxLag.set(measured.inboxLagSeconds)
  core.meters.parked.set(parked)
  core.meters.overdue.set(measured.overdueSeconds)
  return measured
}
