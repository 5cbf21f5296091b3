import { money } from '#money'
import { findAttempt, type AttemptRow } from '../attempt-store.ts'
import { repairCases } from './case-store.ts'
import { differenceOf, holdOn, openDifference, type Day } from './day.ts'
import { record } from '../outcomes.ts'
import { askAbout } from '../polling.ts'
import type { RailReceipt } from '#rails/contract'
import { findOurs, insertMatches, listOursOf, listTried, type Ours } from './store.ts'

const ROWS = 100
/** A provider bears some hundred questions a minute: a day of more has to have a list. */
const MOST = 5000

/**
 * A provider without a list: it is asked about each try of the day that brought money or was given up. What nobody here knows of (money
 * that no try is about) is not found so. No answer is no difference.
 */
export async function askEach(day: Day, signal: AbortSignal): Promise<void> {
  const { core, run, from, to } = day
  let after = ''
  for (let asked = 0; asked < MOST && !signal.aborted; asked += ROWS) {
    const page = await listTried(core.db, run, { from, to, after, limit: ROWS })
    for (const { id } of page) {
      const attempt = await findAttempt(core.db, id)
      if (attempt) await askOne(day, attempt)
    }
    await holdOn(day)
    if (page.length < ROWS) return
    after = page.at(-1)?.id ?? ''
  }
  core.log.warn({ rail: run.rail, day: run.day, most: MOST }, 'more tries in a day than a provider is asked about')
}

async function askOne(day: Day, attempt: AttemptRow): Promise<void> {
  const { core, rail } = day
  const outcome = rail.collect && (await askAbout(core, rail.collect, attempt))
  if (outcome?.kind === 'failed') {
    for (const ours of await listOursOf(core.db, attempt.id)) await openMissing(day, ours)
    return
  }
  if (outcome?.kind !== 'received') return
  const receipts = outcome.receipts.filter(({ final }) => final)
  const before = await findOf(day, receipts)
  if (receipts.some(({ id }) => !before.has(id))) await record(core, { attempt, outcome, from: 'event' })
  const after = await findOf(day, receipts)
  for (const receipt of receipts) {
    const ours = after.get(receipt.id)
    if (ours) await compareOne(day, receipt, ours, before.has(receipt.id))
  }
}

const findOf = async ({ core, run }: Day, receipts: readonly RailReceipt[]): Promise<ReadonlyMap<string, Ours>> => {
  const ids = receipts.map(({ id }) => id)
  return new Map((await findOurs(core.db, run, { ids, numbers: [] })).map((one) => [one.providerId, one]))
}

async function compareOne(day: Day, { id, gross, at, stated }: RailReceipt, ours: Ours, known: boolean): Promise<void> {
  const { core, run, tally } = day
  const now = core.clock.now()
  tally.lines += 1
  if (!known) tally.repaired += 1
  await insertMatches(core.db, [{ receiptId: ours.id, lineId: id, lineAt: at }], now)
  await repairCases(core.db, { ...run, subjects: [ours.id, id] }, now)
  const kind = stated ? differenceOf(ours, { gross }) : undefined
  if (kind === undefined) tally.matched += 1
  else {
    const { intentId, asset, amount, takenAt: movedAt } = ours
    await openDifference(day, kind, id, { intentId, ours: money(asset, amount), theirs: gross, movedAt })
  }
}

async function openMissing(day: Day, { id, intentId, asset, amount, takenAt: movedAt }: Ours): Promise<void> {
  await openDifference(day, 'missing-there', id, { intentId, ours: money(asset, amount), movedAt })
}
