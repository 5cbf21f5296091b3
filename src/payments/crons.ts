import { addMs } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { findWatermark, storeWatermark } from '#platform/database/watermarks'
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
        while (!signal.aborted && (await releaseNextKeys(context.db, before)));
        while (!signal.aborted && (await releaseRefundKeys(context.db, before, KEYS_BATCH)) === KEYS_BATCH);
      },
    },
  ]
}

const KEYS_WATERMARK = 'payments.free-idempotency-keys'

/** Releases the keys of the next batch of intents created before a time. Returns whether there were any. */
const releaseNextKeys = (db: Db, before: Date): Promise<boolean> =>
  db.transaction(async (tx) => {
    const after = (await findWatermark(tx, KEYS_WATERMARK)) ?? ''
    const last = await releaseIdempotencyKeys(tx, { after, before, limit: KEYS_BATCH })
    if (last !== undefined) await storeWatermark(tx, KEYS_WATERMARK, last)
    return last !== undefined
  })
