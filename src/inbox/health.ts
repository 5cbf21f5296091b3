import type { HealthCheck } from '#platform/runtime/health'
import type { InboxContext } from './context.ts'
import { inboxState } from './store.ts'

/** Workers poll every half second. A longer wait means that no worker runs or that workers cannot keep up. */
const LATE_SECONDS = 60

/** Reports whether events are handled in time. */
export const inboxHealth = (context: InboxContext): HealthCheck => ({
  name: 'inbox',
  critical: false,
  check: async () => {
    const { lagSeconds, parked } = await measureInbox(context)
    return { status: lagSeconds > LATE_SECONDS ? 'degraded' : 'healthy', detail: { lagSeconds, parkedEvents: parked } }
  },
})

/** Reads lag and parked events, and sets their gauges. */
export async function measureInbox({
  db,
  clock,
  meters,
}: InboxContext): Promise<{ lagSeconds: number; parked: number }> {
  const now = clock.now()
  const { oldest, parked } = await inboxState(db, now)
  const lagSeconds = oldest ? Math.max(0, Math.round((now.getTime() - oldest.getTime()) / 1000)) : 0
  meters.lag.set(lagSeconds)
  meters.parked.set(parked)
  return { lagSeconds, parked }
}

/** Reports callbacks on this instance's disk that wait for the database, and files that nobody can read. Needs no database. */
export const spoolHealth = ({ spool }: InboxContext): HealthCheck => ({
  name: 'spool',
  critical: false,
  check: () => {
    const { events, oldestSeconds, unreadableFiles } = spool?.state() ?? {
      events: 0,
      oldestSeconds: 0,
      unreadableFiles: 0,
    }
    const detail = { events, ...(events > 0 && { oldestSeconds }), ...(unreadableFiles > 0 && { unreadableFiles }) }
    return Promise.resolve({ status: events > 0 || unreadableFiles > 0 ? 'degraded' : 'healthy', detail })
  },
})
