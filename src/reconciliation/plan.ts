import { addDays, addMs, dateOf, startOfDate } from '#platform/base/clock'
import type { Cron } from '#platform/runtime/jobs'
import type { Context } from './context.ts'
import { SETTLES_MS } from './day.ts'
import { planRun } from './store.ts'

const EVERY_MS = 15 * 60_000
/** After a longer downtime, request the older days: `npx purser reconcile run`. */
const DAYS_BACK = 3

/** Plans a run for each past day of each rail. */
export const planReconciliations = (context: Context): Cron => ({
  name: 'reconciliation.plan',
  everyMs: EVERY_MS,
  run: async () => {
    const now = context.clock.now()
    const today = dateOf(now, context.timeZone)
    for (const rail of context.rails) {
      const { name } = rail
      if (rail.unavailable() !== undefined) continue
      for (let back = 1; back <= DAYS_BACK; back++) {
        const day = addDays(today, -back)
        const [from, to] = [startOfDate(day, context.timeZone), startOfDate(addDays(day, 1), context.timeZone)]
        if (!(await context.bookkeeping.wasUsed(context.db, name, { from, to }))) break
        await planRun(context.db, name, day, addMs(to, SETTLES_MS), now)
      }
    }
  },
})
