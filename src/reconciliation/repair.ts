import type { BookedAttempt, BookedReceipt } from '#payments'
import { addMs } from '#platform/base/clock'
import type { StatementLine } from '#rails/contract'
import { receiptIdsOf, openDifference, type Day } from './day.ts'

/**
 * Automatic repairs of a comparison. Money is counted on the same path as always, and only when the provider proves it.
 */

const HOUR_MS = 60 * 60_000
/**
 * Match window around a line's time. M-Pesa does not document whether its list uses UTC or East Africa Time: three
 * hours, plus one for slow payers.
 */
const MATCH_WINDOW_MS = 4 * HOUR_MS
/** Age of a stuck attempt. No provider gives a payer this long. */
const STUCK_MS = 25 * HOUR_MS
const ROWS = 200

/** Finds the receipt of an unknown line, or records it when the provider proves which attempt it belongs to. */
export async function findOrRecordReceipt(day: Day, line: StatementLine): Promise<BookedReceipt | undefined> {
  const isNamed = line.attemptId !== undefined || line.reference !== undefined
  const recorded = isNamed ? await countByAttempt(day, line) : await countByPayer(day, line)
  if (!recorded) return undefined
  const { context, run } = day
  const by = {
    ids: receiptIdsOf(line),
    numbers: line.number === undefined ? [] : [line.number],
  }
  const [found] = await context.bookkeeping.findReceipts(context.db, run, by)
  if (found) context.log.info({ rail: run.rail, day: run.day, receiptId: found.id }, 'receipt found by reconciliation')
  return found
}

/**
 * Records the money of a line that names its attempt. The provider is queried as in polling, or the line itself is the
 * proof.
 */
async function countByAttempt(day: Day, line: StatementLine): Promise<boolean> {
  const { context, rail, run } = day
  const { attemptId, reference = '' } = line
  const attempt = await (attemptId === undefined
    ? context.bookkeeping.findAttemptByReference(context.db, run, reference)
    : context.bookkeeping.findAttempt(context.db, attemptId))
  if (attempt?.rail !== rail.name) return false
  const { statement } = rail
  if (!statement?.receiptOf) return (await queryAndRecord(day, attempt)) !== undefined
  const receipt = await statement.receiptOf(line, attempt.amount)
  if (!receipt) return false
  await context.bookkeeping.record(attempt, { kind: 'received', receipts: [receipt] })
  return true
}

/** Records the money of a line that names the payer, when exactly one prompt can be meant. */
async function countByPayer({ context, run }: Day, line: StatementLine): Promise<boolean> {
  if (line.payerPhone === undefined) return false
  const span = { from: addMs(line.at, -MATCH_WINDOW_MS), to: addMs(line.at, MATCH_WINDOW_MS) }
  const [attempt, second] = await context.bookkeeping.findMatchingPrompts(context.db, run, {
    phone: line.payerPhone,
    gross: line.gross,
    ...span,
  })
  if (!attempt || second) return false
  if (attempt.reference !== undefined && attempt.state !== 'settled') {
    const after = await queryAndRecord({ context }, attempt)
    // The provider says that this prompt was not paid, so the line belongs to something else.
    if (after?.state !== 'settled') return false
  }
  const receipt = {
    id: attempt.reference ?? line.id,
    ...(line.number !== undefined && { number: line.number }),
    gross: line.gross,
    at: line.at,
    final: true,
    stated: true,
  }
  await context.bookkeeping.record(attempt, { kind: 'received', receipts: [receipt] })
  return true
}

/**
 * Queries the provider and records its answer. Returns the attempt afterwards; undefined when the provider did not
 * answer.
 */
async function queryAndRecord(
  { context }: Pick<Day, 'context'>,
  attempt: BookedAttempt,
): Promise<BookedAttempt | undefined> {
  const outcome = await context.bookkeeping.query(attempt.id)
  return outcome && context.bookkeeping.record(attempt, outcome)
}

/** Queries stuck attempts once more. An attempt that stays live becomes a case. */
export async function resolveStuckAttempts(day: Day, signal: AbortSignal): Promise<void> {
  const { context, run, tally } = day
  const before = addMs(context.clock.now(), -STUCK_MS)
  let after = ''
  while (!signal.aborted) {
    const page = await context.bookkeeping.listStuckAttempts(context.db, run, { before, after, limit: ROWS })
    for (const id of page) {
      const attempt = await context.bookkeeping.findAttempt(context.db, id)
      if (!attempt) continue
      const now = (await queryAndRecord(day, attempt)) ?? attempt
      if (now.live) {
        const { intentId, merchantId, createdAt: movedAt, amount: ours } = now
        await openDifference(day, 'pending-for-ever', id, { intentId, merchantId, ours, movedAt })
      } else {
        tally.repaired += 1
        await context.cases.repair(context.db, { ...run, subjects: [id] })
      }
    }
    if (page.length < ROWS) return
    after = page.at(-1) ?? ''
  }
}
