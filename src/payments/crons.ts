import { addMs } from '#platform/clock'
import type { Cron } from '#platform/jobs'
import type { Core } from './core.ts'
import { measure } from './health.ts'
import { purgeEvents } from './inbox-store.ts'
import { freeKeys } from './intent-store.ts'
import { expireIntents } from './intents.ts'
import { planReconciliations } from './reconciliation/plan.ts'
import { freeRefundKeys } from './refunds/store.ts'
import { tally } from './tallies.ts'

const SECOND_MS = 1000
const DAY_MS = 24 * 60 * 60 * SECOND_MS
/** A repeat of a creation is known as one for so long. */
const KEEP_KEYS_MS = 30 * DAY_MS
const KEYS_BATCH = 2000
/** Long enough to look into a complaint. A repeat that comes later still counts nothing: receipts know their money. */
const KEEP_EVENTS_MS = 90 * DAY_MS
const EVENTS_BATCH = 2000

export function paymentsCrons(core: Core): readonly Cron[] {
  // The first run of a process looks at everything, later ones only at what has come of age since.
  let from = new Date(0)
  return [
    planReconciliations(core),
    {
      name: 'payments.expire-intents',
      everyMs: SECOND_MS,
      run: async ({ signal }) => void (await expireIntents(core, signal)),
    },
    {
      name: 'payments.measure',
      everyMs: 15 * SECOND_MS,
      run: async () => void (await measure(core)),
    },
    {
      name: 'payments.tally',
      everyMs: 60 * SECOND_MS,
      run: async () => void (await tally(core)),
    },
    {
      name: 'payments.free-idempotency-keys',
      everyMs: DAY_MS / 4,
      run: async ({ signal }) => {
        const before = addMs(core.clock.now(), -KEEP_KEYS_MS)
        while (!signal.aborted && (await freeKeys(core.db, from, before, KEYS_BATCH)) === KEYS_BATCH);
        while (!signal.aborted && (await freeRefundKeys(core.db, before, KEYS_BATCH)) === KEYS_BATCH);
        if (!signal.aborted) from = addMs(before, -DAY_MS)
      },
    },
    {
      name: 'payments.purge-inbox',
      everyMs: DAY_MS / 4,
      run: async ({ signal }) => {
        const before = addMs(core.clock.now(), -KEEP_EVENTS_MS)
        while (!signal.aborted && (await purgeEvents(core.db, before, EVENTS_BATCH)) === EVENTS_BATCH);
      },
    },
  ]
}
