import type { HealthCheck } from '#platform/health'
import { findOldestDue } from './attempt-store.ts'
import type { Core } from './core.ts'
import { inboxState } from './inbox-store.ts'

/** Workers look every half second: what has waited for so long says that none runs, or that they cannot keep up. */
const LATE_SECONDS = 60

/** Whether events are handled and attempts looked at in time. Also sets the gauges. */
export const paymentsHealth = (core: Core): HealthCheck => ({
  name: 'payments',
  critical: false,
  check: async () => {
    const { inboxLagSeconds, parked, overdueSeconds } = await measure(core)
    const late = inboxLagSeconds > LATE_SECONDS || overdueSeconds > LATE_SECONDS
    return { status: late ? 'degraded' : 'healthy', detail: { inboxLagSeconds, overdueSeconds, parkedEvents: parked } }
  },
})

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
