import { type Queryable, sql } from '#platform/database/db'
import type { ClaimTable } from '#platform/runtime/jobs'

/** All SQL on reconciliation.runs and reconciliation.matches. */

export interface RunRow {
  rail: string
  railAccount: string
  day: string
  tries: number
  claim: bigint
}

export const RUNS: ClaimTable<Omit<RunRow, 'tries' | 'claim'>> = {
  table: 'reconciliation.runs',
  keyOf: ({ rail, railAccount: rail_account, day }) => ({ rail, rail_account, day }),
}

export interface RunTally {
  lines: number
  matched: number
  repaired: number
  cases: number
}

/** Plans a run from `dueAt` on. An existing run stays as it is. */
export const planRun = (q: Queryable, rail: string, day: string, dueAt: Date, now: Date): Promise<number> =>
  q.run(sql`insert into reconciliation.runs (rail, day, due_at, created_at) values (${rail}, ${day}, ${dueAt}, ${now})
    on conflict (rail, rail_account, day) do nothing`)

/** Requests a run now, whether the day was compared before or not. Takes the claim of a run that is under way, which stops. */
export const requestRun = (q: Queryable, rail: string, day: string, now: Date): Promise<number> =>
  q.run(sql`insert into reconciliation.runs (rail, day, due_at, created_at) values (${rail}, ${day}, ${now}, ${now})
    on conflict (rail, rail_account, day) do update set due_at = ${now}, tries = 0, claimed_by = null, claim = runs.claim + 1`)

export const claimRuns = (q: Queryable, limit: number, now: Date, holder: string): Promise<RunRow[]> =>
  q.many(sql`update reconciliation.runs set claimed_by = ${holder}, claim = claim + 1 where (rail, rail_account, day) in (
      select rail, rail_account, day from reconciliation.runs where due_at <= ${now} and claimed_by is null
      order by due_at limit ${limit} for update skip locked)
    returning rail, rail_account as "railAccount", day, tries, claim`)

const whereClaimed = (run: RunRow) =>
  sql`rail = ${run.rail} and rail_account = ${run.railAccount} and day = ${run.day} and claim = ${run.claim}`

/** Returns whether no other instance claimed the run meanwhile. */
export const holdsRun = async (q: Queryable, run: RunRow): Promise<boolean> =>
  (await q.maybe(sql`select 1 as held from reconciliation.runs where ${whereClaimed(run)}`)) !== undefined

export const finishRun = (q: Queryable, run: RunRow, tally: RunTally, now: Date): Promise<number> =>
  q.run(sql`update reconciliation.runs set due_at = null, claimed_by = null, tries = 0, problem = null, finished_at = ${now}, lines = ${tally.lines},
    matched = ${tally.matched}, repaired = ${tally.repaired}, cases = ${tally.cases} where ${whereClaimed(run)}`)

export const failRun = (q: Queryable, run: RunRow, problem: string, dueAt: Date | null): Promise<number> =>
  q.run(
    sql`update reconciliation.runs set due_at = ${dueAt}, claimed_by = null, tries = tries + 1, problem = ${problem} where ${whereClaimed(run)}`,
  )

export const listRuns = (
  q: Queryable,
  limit: number,
): Promise<(RunTally & { rail: string; day: string; finishedAt: Date | null; problem: string | null })[]> =>
  q.many(sql`select rail, day, lines, matched, repaired, cases, finished_at as "finishedAt", problem
    from reconciliation.runs order by day desc, rail limit ${limit}`)

export interface Match {
  receiptId: string
  lineId: string
  lineAt: Date
}

export const insertMatches = (q: Queryable, matches: readonly Match[], now: Date): Promise<number> =>
  q.run(sql`insert into reconciliation.matches (receipt_id, line_id, line_at, created_at)
    select r, l, a, ${now} from unnest(${matches.map(({ receiptId }) => receiptId)}::text[], ${matches.map(({ lineId }) => lineId)}::text[],
      ${matches.map(({ lineAt }) => lineAt)}::timestamptz[]) m(r, l, a)
    on conflict (receipt_id) do nothing`)

/** Returns the receipts that match no line of the provider's list yet. */
export async function listUnmatched(q: Queryable, receiptIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await q.many<{ id: string }>(sql`select id from unnest(${receiptIds}::text[]) as r(id)
    where not exists (select from reconciliation.matches m where m.receipt_id = r.id)`)
  return new Set(rows.map(({ id }) => id))
}
