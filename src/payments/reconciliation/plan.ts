import { addDays, addMs, dateOf, startOfDate } from '#platform/clock'
import type { Cron } from '#platform/jobs'
import type { Core } from '../core.ts'
import { hasProvider, SETTLES_MS } from './day.ts'
import { planRun, wasUsed } from './store.ts'

const EVERY_MS = 15 * 60_000
/** A program that was off for longer compares the rest when it is told to: `purser reconcile run`. */
const DAYS_BACK = 3

/** Each day of each rail is compared once it is over. */
export const planReconciliations = (core: Core): Cron => ({
  name: 'payments.plan-reconciliations',
  everyMs: EVERY_MS,
  run: async () => {
    const now = core.clock.now()
    const today = dateOf(now, core.timeZone)
    for (const rail of core.rails) {
      const { name } = rail
      if (!hasProvider(rail) || rail.unavailable() !== undefined) continue
      for (let back = 1; back <= DAYS_BACK; back++) {
        const day = addDays(today, -back)
        const [from, to] = [startOfDate(day, core.timeZone), startOfDate(addDays(day, 1), core.timeZone)]
        if (!(await wasUsed(core.db, name, { from, to }))) break
        await planRun(core.db, name, day, addMs(to, SETTLES_MS), now)
      }
    }
  },
})
