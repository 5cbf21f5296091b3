import { addMs } from '#platform/base/clock'
import type { Cron } from '#platform/runtime/jobs'
import type { Context } from './context.ts'
import { measure } from './health.ts'
import { expireIntents } from './intents/intents.ts'
import { updateTallies } from './intents/tallies.ts'
import { releaseIdempotencyKeys } from './store/intents.ts'
import { releaseRefundKeys } from './store/refunds.ts'

const SECOND_MS = 1000
const DAY_MS = 24 * 60 * 60 * SECOND_MS
/** Retention of idempotency keys. */
const KEY_LIFETIME_MS = 30 * DAY_MS
const KEYS_BATCH = 2000

export function paymentsCrons(context: Context): readonly Cron[] {
  // The first run of a process scans all rows, later runs only the rows that expired since.
  let from = new Date(0)
  return [
    {
      name: 'payments.expire-intents',
      everyMs: SECOND_MS,
      run: async ({ signal }) => void (await expireIntents(context, signal)),
    },
    {
      name: 'payments.measure',
      everyMs: 15 * SECOND_MS,
      run: async () => void (await measure(context)),
    },
    {
      name: 'payments.tally',
      everyMs: 60 * SECOND_MS,
      run: async () => void (await updateTallies(context)),
    },
    {
      name: 'payments.free-idempotency-keys',
      everyMs: DAY_MS / 4,
      run: async ({ signal }) => {
        const before = addMs(context.clock.now(), -KEY_LIFETIME_MS)
        while (!signal.aborted && (await releaseIdempotencyKeys(context.db, from, before, KEYS_BATCH)) === KEYS_BATCH);
        while (!signal.aborted && (await releaseRefundKeys(context.db, before, KEYS_BATCH)) === KEYS_BATCH);
        if (!signal.aborted) from = addMs(before, -DAY_MS)
      },
    },
  ]
}
