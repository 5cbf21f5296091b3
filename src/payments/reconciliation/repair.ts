import { money } from '#money'
import { addMs } from '#platform/clock'
import { findAttempt, findByReference, type AttemptRow } from '../attempt-store.ts'
import { repairCases } from './case-store.ts'
import { record } from '../outcomes.ts'
import { askAbout } from '../polling.ts'
import type { StatementLine } from '#rails/contract'
import { findCandidates, findOurs, listStuck, type Ours } from './store.ts'
import { idsOf, openDifference, type Day } from './day.ts'
import { isLive } from '../state.ts'

/** What a comparison puts right by itself. Money is counted by the same way as always, and only as the provider tells it. */

const HOUR_MS = 60 * 60_000
/** Whether M-Pesa's list tells the time in UTC or East Africa Time is not documented: three hours, and one for slow payers. */
const AROUND_MS = 4 * HOUR_MS
/** No provider of ours leaves a payer as long as this. */
const STUCK_MS = 25 * HOUR_MS
const ROWS = 200

/** The receipt of a line that was not known, if the provider's own word puts it there. */
export async function findMoney(day: Day, line: StatementLine): Promise<Ours | undefined> {
  const isNamed = line.attemptId !== undefined || line.reference !== undefined
  const told = isNamed ? await countByAttempt(day, line) : await countByPayer(day, line)
  if (!told) return undefined
  const { core, run } = day
  const by = {
    ids: idsOf(line),
    numbers: line.number === undefined ? [] : [line.number],
  }
  const [found] = await findOurs(core.db, run, by)
  if (found) core.log.info({ rail: run.rail, day: run.day, receiptId: found.id }, 'money found by reconciliation')
  return found
}

/** The line names the attempt: the provider is asked about it, as polling would, or the line itself is its word. */
async function countByAttempt(day: Day, line: StatementLine): Promise<boolean> {
  const { core, rail, run } = day
  const { attemptId, reference = '' } = line
  const attempt = await (attemptId === undefined
    ? findByReference(core.db, run, reference)
    : findAttempt(core.db, attemptId))
  if (attempt?.rail !== rail.name) return false
  const { statement } = rail
  if (!statement?.receiptOf) return (await ask(day, attempt)) !== undefined
  const receipt = await statement.receiptOf(line, money(attempt.asset, attempt.amount))
  if (!receipt) return false
  await record(core, { attempt, outcome: { kind: 'received', receipts: [receipt] }, from: 'event' })
  return true
}

/** The line names the payer: it is that of a prompt if only one can be meant. */
async function countByPayer({ core, rail, run }: Day, line: StatementLine): Promise<boolean> {
  if (line.payerPhone === undefined) return false
  const { asset, amount } = line.gross
  const span = { from: addMs(line.at, -AROUND_MS), to: addMs(line.at, AROUND_MS) }
  const [only, second] = await findCandidates(core.db, run, { phone: line.payerPhone, asset, amount, ...span })
  const attempt = only && !second ? await findAttempt(core.db, only.id) : undefined
  if (!attempt) return false
  if (attempt.reference !== null && attempt.state !== 'settled') {
    const asked = await ask({ core, rail }, attempt)
    // The provider says of this prompt that it was not paid: then the line is of something else.
    if (asked?.state !== 'settled') return false
  }
  const receipt = {
    id: attempt.reference ?? line.id,
    ...(line.number !== undefined && { number: line.number }),
    gross: line.gross,
    at: line.at,
    final: true,
    stated: true,
  }
  await record(core, { attempt, outcome: { kind: 'received', receipts: [receipt] }, from: 'event' })
  return true
}

/** The attempt as it is after the provider was asked; undefined when it could not be. */
async function ask({ core, rail }: Pick<Day, 'core' | 'rail'>, attempt: AttemptRow): Promise<AttemptRow | undefined> {
  const outcome = rail.collect && (await askAbout(core, rail.collect, attempt))
  return outcome && (await record(core, { attempt, outcome, from: 'event' })).attempt
}

/** Attempts that never end: the provider is asked once more, and what it cannot tell is for a person. */
export async function endStuck(day: Day, signal: AbortSignal): Promise<void> {
  const { core, run, tally } = day
  const before = addMs(core.clock.now(), -STUCK_MS)
  let after = ''
  while (!signal.aborted) {
    const page = await listStuck(core.db, run, { before, after, limit: ROWS })
    for (const { id } of page) {
      const attempt = await findAttempt(core.db, id)
      if (!attempt) continue
      const now = (await ask(day, attempt)) ?? attempt
      if (isLive(now.state)) {
        const { intentId, createdAt: movedAt } = now
        const ours = money(now.asset, now.amount)
        await openDifference(day, 'pending-for-ever', id, { intentId, ours, movedAt })
      } else {
        tally.repaired += 1
        await repairCases(core.db, { ...run, subjects: [id] }, core.clock.now())
      }
    }
    if (page.length < ROWS) return
    after = page.at(-1)?.id ?? ''
  }
}
