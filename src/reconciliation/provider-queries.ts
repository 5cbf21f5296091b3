import type { BookedAttempt, BookedReceipt } from '#payments'
import type { RailReceipt } from '#rails/contract'
import { findDifference, requireRun, openDifference, type Day } from './day.ts'
import { insertMatches } from './store.ts'

const ROWS = 100
/** Maximum attempts per day. Providers accept about a hundred queries a minute; a larger day needs a list. */
const MAX_ATTEMPTS = 5000

/**
 * Queries each attempt of the day that received money or was given up, for a provider without a list. Money without an
 * attempt is not found this way. No answer is no difference.
 */
export async function queryEachAttempt(day: Day, signal: AbortSignal): Promise<void> {
  const { context, run, from, to } = day
  let after = ''
  for (let asked = 0; asked < MAX_ATTEMPTS && !signal.aborted; asked += ROWS) {
    const page = await context.bookkeeping.listEndedAttempts(context.db, run, { from, to, after, limit: ROWS })
    for (const id of page) {
      const attempt = await context.bookkeeping.findAttempt(context.db, id)
      if (attempt) await queryAttempt(day, attempt)
    }
    await requireRun(day)
    if (page.length < ROWS) return
    after = page.at(-1) ?? ''
  }
  context.log.warn(
    { rail: run.rail, day: run.day, most: MAX_ATTEMPTS },
    'more attempts in a day than the query limit: the rest is not compared',
  )
}

async function queryAttempt(day: Day, attempt: BookedAttempt): Promise<void> {
  const { context } = day
  const outcome = await context.bookkeeping.query(attempt.id)
  if (outcome?.kind === 'failed') {
    for (const ours of await context.bookkeeping.listReceiptsOf(context.db, attempt.id)) await openMissing(day, ours)
    return
  }
  if (outcome?.kind !== 'received') return
  const receipts = outcome.receipts.filter(({ final }) => final)
  const before = await findReceipts(day, receipts)
  if (receipts.some(({ id }) => !before.has(id))) await context.bookkeeping.record(attempt, outcome)
  const after = await findReceipts(day, receipts)
  for (const receipt of receipts) {
    const ours = after.get(receipt.id)
    if (ours) await compareOne(day, receipt, ours, before.has(receipt.id))
  }
}

const findReceipts = async (
  { context, run }: Day,
  receipts: readonly RailReceipt[],
): Promise<ReadonlyMap<string, BookedReceipt>> => {
  const ids = receipts.map(({ id }) => id)
  return new Map(
    (await context.bookkeeping.findReceipts(context.db, run, { ids, numbers: [] })).map((one) => [one.providerId, one]),
  )
}

async function compareOne(
  day: Day,
  { id, gross, at, stated }: RailReceipt,
  ours: BookedReceipt,
  known: boolean,
): Promise<void> {
  const { context, run, tally } = day
  const now = context.clock.now()
  tally.lines += 1
  if (!known) tally.repaired += 1
  await insertMatches(context.db, [{ receiptId: ours.id, lineId: id, lineAt: at }], now)
  await context.cases.repair(context.db, { ...run, subjects: [ours.id, id] })
  const kind = stated ? findDifference(ours, { gross }) : undefined
  if (kind === undefined) tally.matched += 1
  else {
    const { intentId, merchantId, amount, takenAt: movedAt } = ours
    await openDifference(day, kind, id, { intentId, merchantId, ours: amount, theirs: gross, movedAt })
  }
}

async function openMissing(
  day: Day,
  { id, intentId, merchantId, amount, takenAt: movedAt }: BookedReceipt,
): Promise<void> {
  await openDifference(day, 'missing-there', id, { intentId, merchantId, ours: amount, movedAt })
}
