import { addMs } from '#platform/base/clock'
import type { Queryable } from '#platform/database/db'
import { firstIdAt } from '#platform/base/ids'
import type { Context } from '../context.ts'
import { countEnded, countIntents, findTally, insertTally, findLatestTally, type Tally } from '../store/tallies.ts'
import type { Figures } from './types.ts'

const QUARTER_MS = 15 * 60_000
/**
 * An id is created before its row commits. No transaction is open for 10 minutes, so ids older than that are complete.
 */
const COMMIT_LAG_MS = 10 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** About ten days of quarter hours. After a longer downtime the following runs catch up. */
const MAX_STEPS = 1000
const NEWEST_ATTEMPTS = 10_000

const idAt = (at: Date): string => firstIdAt('pay', at)
const quarterOf = (at: Date): Date => new Date(Math.floor(at.getTime() / QUARTER_MS) * QUARTER_MS)

/**
 * Stores the number of payments for each quarter hour to which no payment can be added any more. @returns number of
 * tallies
 */
export async function updateTallies({ db, clock }: Context): Promise<number> {
  const end = quarterOf(addMs(clock.now(), -COMMIT_LAG_MS))
  let last: Tally | undefined = await findLatestTally(db)
  if (!last) {
    const created = await countIntents(db, 'pay_', idAt(end))
    await insertTally(db, { until: end, created })
    return 1
  }
  let steps = 0
  while (last.until < end && steps < MAX_STEPS) {
    const until = addMs(last.until, QUARTER_MS)
    const created: bigint = last.created + (await countIntents(db, idAt(last.until), idAt(until)))
    last = { until, created }
    await insertTally(db, last)
    steps++
  }
  return steps
}

/** See Payments.figures. */
export async function readFigures({ clock }: Context, q: Queryable, since: Date): Promise<Figures> {
  const now = clock.now()
  const end = idAt(addMs(now, DAY_MS))
  const last = await findLatestTally(q)
  const recent = await countIntents(q, last ? idAt(last.until) : 'pay_', end)
  const total = (last?.created ?? 0n) + recent
  const before = last && since <= last.until ? await findTally(q, since) : undefined
  const sinceThen = before ? total - before.created : await countIntents(q, idAt(since), end)
  const { ended, succeeded } = await countEnded(q, firstIdAt('att', addMs(now, -DAY_MS)), NEWEST_ATTEMPTS)
  return { total: Number(total), since: Number(sinceThen), ended, succeeded }
}
