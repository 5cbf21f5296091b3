import type { CaseKind } from '#cases'
import { money } from '#money'
import type { BookedReceipt } from '#payments'
import { addDays, addMs, startOfDate } from '#platform/base/clock'
import { describeError } from '#platform/base/errors'
import type { DueQueue } from '#platform/runtime/jobs'
import type { RailStatement, StatementLine } from '#rails/contract'
import { railOf, type Context } from './context.ts'
import {
  findDifference,
  requireRun,
  receiptIdsOf,
  openDifference,
  SETTLES_MS,
  type Day,
  type Difference,
} from './day.ts'
import { queryEachAttempt } from './provider-queries.ts'
import { resolveStuckAttempts, findOrRecordReceipt } from './repair.ts'
import { claimRuns, failRun, finishRun, insertMatches, listUnmatched, type Match, RUNS, type RunRow } from './store.ts'

const HOUR_MS = 60 * 60_000
/**
 * Margin around the day, because clocks differ and receipts found by a query carry our time. Lines in the margin are
 * matched but not counted.
 */
const MARGIN_MS = HOUR_MS / 2
const ROWS = 500
/** Maximum pages of one list, in case a provider's pages never end. */
const MAX_PAGES = 100_000
/** Failed runs after which the day waits for an operator: `npx purser reconcile run`. */
const MAX_RUNS = 12

/** Deadline of a run. A list of a million lines takes about an hour. */
const RUN_LIMIT_MS = 6 * HOUR_MS

const RECONCILE_QUEUE = 'reconciliation.runs'

export const reconcileQueue = (context: Context): DueQueue<RunRow> => ({
  name: RECONCILE_QUEUE,
  concurrency: 1,
  batch: 1,
  idleMs: 15_000,
  limitMs: RUN_LIMIT_MS,
  claims: RUNS,
  claim: (limit, now, holder) => claimRuns(context.db, limit, now, holder),
  handle: (run, signal) => runDay(context, run, signal),
})

async function runDay(context: Context, run: RunRow, signal: AbortSignal): Promise<void> {
  const about = { rail: run.rail, day: run.day }
  try {
    const rail = railOf(context, run.rail)
    const why = rail ? rail.unavailable() : 'The rail is not configured.'
    if (!rail || why !== undefined) return void (await failRun(context.db, run, why ?? '', nextRunAt(context, run)))
    const [from, to] = [startOfDate(run.day, context.timeZone), startOfDate(addDays(run.day, 1), context.timeZone)]
    if (context.clock.now() < to)
      return void (await failRun(context.db, run, 'The day has not ended.', addMs(to, SETTLES_MS)))
    const tally = { lines: 0, matched: 0, repaired: 0, cases: 0 }
    const day: Day = { context, rail, run, from, to, tally }
    const { statement } = rail
    const missing = statement ? statement.unavailable?.() : 'The provider has no list.'
    if (statement && missing === undefined && !isWithinReach(day, statement))
      return void (await failRun(
        context.db,
        run,
        `The provider’s list reaches ${reachInHours(statement)} hours back, so it no longer has this day.`,
        null,
      ))
    await resolveStuckAttempts(day, signal)
    if (statement && missing === undefined) {
      await compareStatement(day, statement, signal)
      await findMissingAtProvider(day, signal)
    } else await queryEachAttempt(day, signal)
    if (signal.aborted) return
    await finishRun(context.db, run, tally, context.clock.now())
    context.log.info({ ...about, ...tally, compared: missing ?? 'yes' }, 'day reconciled')
  } catch (error) {
    context.log.warn({ ...about, tries: run.tries, error }, 'day could not be reconciled')
    await failRun(context.db, run, describeError(error).slice(0, 300), nextRunAt(context, run))
  }
}

const statementFrom = ({ from }: Day): Date => addMs(from, -MARGIN_MS)

const reachInHours = ({ reachMs }: RailStatement): number => Math.floor(reachMs / HOUR_MS)

/**
 * Returns whether the list still reaches back to the start of the day. Money that is too old for the list must not look
 * missing.
 */
const isWithinReach = (day: Day, { reachMs }: RailStatement): boolean =>
  statementFrom(day) >= addMs(day.context.clock.now(), -reachMs)

/**
 * Returns the time of the next run: after 10 minutes, doubled each time, 4 hours at most. Null after 12 failed runs.
 */
const nextRunAt = ({ clock }: Context, { tries }: RunRow): Date | null =>
  tries + 1 >= MAX_RUNS ? null : addMs(clock.now(), Math.min(10 * 60_000 * 2 ** tries, 4 * HOUR_MS))

/**
 * Matches each line of the provider's list with a receipt. Unmatched money is recorded where the provider proves its
 * attempt; otherwise a case opens.
 */
async function compareStatement(day: Day, statement: RailStatement, signal: AbortSignal): Promise<void> {
  const { context } = day
  const from = statementFrom(day)
  const to = addMs(day.to, Math.max(MARGIN_MS, statement.lateMs ?? 0))
  const watched = day.rail.watch ? await context.bookkeeping.listWatched(day.rail.name) : []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES && !signal.aborted; page++) {
    const { lines, cursor: next } = await statement.list({ from, to, cursor, watched })
    await comparePage(day, lines)
    await requireRun(day)
    if (next === undefined) return
    cursor = next
  }
}

async function comparePage(day: Day, lines: readonly StatementLine[]): Promise<void> {
  const { context, run, tally } = day
  const ids = lines.flatMap(receiptIdsOf)
  const numbers = lines.flatMap(({ number }) => number ?? [])
  const ours = await context.bookkeeping.findReceipts(context.db, run, { ids, numbers })
  const byId = new Map(ours.map((one) => [one.providerId, one]))
  // An operator confirms a manual M-Pesa payment by its number. The same payment is in this list, and is counted already.
  const manual = await context.bookkeeping.findManualReceipts(context.db, numbers)
  const byNumber = new Map(
    [...manual, ...ours].flatMap((one) => (one.number === undefined ? [] : [[one.number, one] as const])),
  )
  const matches: Match[] = []
  const differences: (readonly [CaseKind, string, Difference])[] = []
  const isAmbiguous = findAmbiguousLines(lines.filter(({ number }) => !byNumber.has(number ?? '')))
  for (const line of lines) {
    const isOfDay = line.at >= day.from && line.at < day.to
    const known =
      latestReceipt(receiptIdsOf(line).flatMap((id) => byId.get(id) ?? [])) ?? byNumber.get(line.number ?? '')
    const found = known ?? (isAmbiguous(line) ? undefined : await findOrRecordReceipt(day, line))
    if (found) matches.push({ receiptId: found.id, lineId: line.id, lineAt: line.at })
    const kind = found ? findDifference(found, line) : 'missing-here'
    if (kind !== undefined && (found || isOfDay)) differences.push([kind, line.id, describe(kind, line, found)])
    if (!isOfDay) continue
    tally.lines += 1
    if (!known && found) tally.repaired += 1
    if (kind === undefined) tally.matched += 1
  }
  const now = context.clock.now()
  if (matches.length > 0) {
    await insertMatches(context.db, matches, now)
    // Remaining differences open their cases again below.
    const subjects = matches.flatMap(({ receiptId, lineId }) => [receiptId, lineId])
    await context.cases.repair(context.db, { ...run, subjects })
  }
  for (const [kind, subject, difference] of differences) await openDifference(day, kind, subject, difference)
}

/**
 * Returns a predicate for lines that name only the payer and share phone and amount with another line. The list does not state
 * which of them belongs to a prompt, so an operator decides.
 */
function findAmbiguousLines(lines: readonly StatementLine[]): (line: StatementLine) => boolean {
  const keyOf = ({ attemptId, reference, payerPhone, gross }: StatementLine): string | undefined =>
    attemptId === undefined && reference === undefined && payerPhone !== undefined
      ? `${payerPhone} ${gross.asset} ${gross.amount}`
      : undefined
  const counts = new Map<string, number>()
  for (const line of lines) {
    const key = keyOf(line)
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return (line) => (counts.get(keyOf(line) ?? '') ?? 0) > 1
}

/** Returns the receipt reported last, when a line has several. */
const latestReceipt = (found: readonly BookedReceipt[]): BookedReceipt | undefined => found.at(-1)

function describe(kind: CaseKind, line: StatementLine, found: BookedReceipt | undefined): Difference {
  const { gross, returned, at: movedAt, receiptId, number } = line
  const about = { intentId: found?.intentId, merchantId: found?.merchantId, movedAt, receiptId, number }
  return kind === 'return-differs'
    ? { ...about, ours: found && money(found.amount.asset, found.reversed), theirs: returned }
    : { ...about, ours: found?.amount, theirs: gross }
}

/** Opens a case for each receipt of the day without a line in the provider's list. */
async function findMissingAtProvider(day: Day, signal: AbortSignal): Promise<void> {
  const { context, run, from, to } = day
  let after = ''
  while (!signal.aborted) {
    const page = await context.bookkeeping.listReceipts(context.db, run, { from, to, after, limit: ROWS })
    const unmatched = await listUnmatched(
      context.db,
      page.map(({ id }) => id),
    )
    for (const { id, intentId, merchantId, amount: ours, takenAt: movedAt } of page)
      if (unmatched.has(id)) await openDifference(day, 'missing-there', id, { intentId, merchantId, ours, movedAt })
    await requireRun(day)
    if (page.length < ROWS) return
    after = page.at(-1)?.id ?? ''
  }
}
