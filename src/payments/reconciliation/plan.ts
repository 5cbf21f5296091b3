import { addMs } from '#platform/clock'
import type { Cron } from '#platform/jobs'
import type { Core } from '../core.ts'
import { hasProvider } from './day.ts'
import { planRun, wasUsed } from './store.ts'

const HOUR_MS = 60 * 60_000
const DAY_MS = 24 * HOUR_MS
/** Providers write their lists some time after the money. */
const SETTLES_MS = 2 * HOUR_MS
/** A program that was off for longer compares the rest when it is told to: `purser reconcile run`. */
const DAYS_BACK = 3

/** Each day of each rail is compared once it is over. */
export const planReconciliations = (core: Core): Cron => ({
  name: 'payments.plan-reconciliations',
  everyMs: HOUR_MS / 4,
  run: async () => {
    const now = core.clock.now()
    const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS
    for (const rail of core.rails) {
      const { name } = rail
      if (!hasProvider(rail) || rail.unavailable() !== undefined) continue
      for (let back = 1; back <= DAYS_BACK; back++) {
        const begin = new Date(today - back * DAY_MS)
        const end = addMs(begin, DAY_MS)
        if (!(await wasUsed(core.db, name, end))) break
        await planRun(core.db, name, begin.toISOString().slice(0, 10), addMs(end, SETTLES_MS), now)
      }
    }
  },
})
