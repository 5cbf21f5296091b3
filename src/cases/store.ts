import type { Asset } from '#money'
import { joinSql, type Queryable, sql, type Sql, type Tx } from '#platform/database/db'
import type { CaseKind, CaseState, NewCase } from './types.ts'

/** All SQL on cases.cases. */

export interface CaseRow {
  id: string
  rail: string
  railAccount: string
  day: string
  kind: CaseKind
  subject: string
  intentId: string | null
  merchantId: string | null
  oursAsset: Asset | null
  ours: bigint | null
  theirsAsset: Asset | null
  theirs: bigint | null
  receiptId: string | null
  number: string | null
  movedAt: Date
  state: CaseState
  note: string | null
  createdAt: Date
  closedAt: Date | null
}

const COLUMNS = sql`id, rail, rail_account as "railAccount", day, kind, subject, intent_id as "intentId", merchant_id as "merchantId",
  ours_asset as "oursAsset", ours, theirs_asset as "theirsAsset", theirs, receipt_id as "receiptId", number, moved_at as "movedAt", state, note, created_at as "createdAt",
  closed_at as "closedAt"`

/** Opens a case. An existing open case is updated, a closed one stays closed, and a repaired one opens again. */
export const openCase = (
  q: Queryable,
  one: NewCase & { readonly id: string },
  now: Date,
): Promise<{ id: string; state: CaseState; isNew: boolean }> =>
  q.one(sql`insert into cases.cases (id, rail, rail_account, day, kind, subject, intent_id, merchant_id, ours_asset, ours, theirs_asset,
      theirs, receipt_id, number, moved_at, created_at)
    values (${one.id}, ${one.rail}, ${one.railAccount}, ${one.day}, ${one.kind}, ${one.subject}, ${one.intentId ?? null},
      ${one.merchantId ?? null}, ${one.ours?.asset ?? null}, ${one.ours?.amount ?? null},
      ${one.theirs?.asset ?? null}, ${one.theirs?.amount ?? null}, ${one.receiptId ?? null}, ${one.number ?? null}, ${one.movedAt}, ${now})
    on conflict (rail, rail_account, kind, subject) do update set ours_asset = excluded.ours_asset, ours = excluded.ours,
      theirs_asset = excluded.theirs_asset, theirs = excluded.theirs, receipt_id = excluded.receipt_id, number = excluded.number,
      state = case cases.cases.state when 'repaired' then 'open' else cases.cases.state end,
      closed_at = case cases.cases.state when 'repaired' then null else cases.cases.closed_at end
    returning id, state, id = ${one.id} as "isNew"`)

/** Marks open cases about these subjects as repaired. @returns number of cases */
export const repairCases = (
  q: Queryable,
  of: { rail: string; railAccount: string; subjects: readonly string[] },
  now: Date,
): Promise<number> =>
  q.run(sql`update cases.cases set state = 'repaired', closed_at = ${now}
    where state = 'open' and rail = ${of.rail} and rail_account = ${of.railAccount} and subject = any(${of.subjects})`)

export const closeCase = (q: Queryable, id: string, note: string, now: Date): Promise<number> =>
  q.run(
    sql`update cases.cases set state = 'closed', note = ${note}, closed_at = ${now} where id = ${id} and state = 'open'`,
  )

export const annotateCase = (q: Queryable, id: string, note: string): Promise<number> =>
  q.run(sql`update cases.cases set note = ${note} where id = ${id} and state = 'open'`)

export const findCase = (q: Queryable, id: string): Promise<CaseRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from cases.cases where id = ${id}`)

/** Locks a case, so that decisions on it are serial. */
export const lockCase = (tx: Tx, id: string): Promise<CaseRow | undefined> =>
  tx.maybe(sql`select ${COLUMNS} from cases.cases where id = ${id} for update`)

/** Marks a case as credited to a payment. */
export const markCredited = (
  tx: Tx,
  { id, note, intentId, merchantId }: { id: string; note: string; intentId: string; merchantId: string },
  now: Date,
): Promise<CaseRow> =>
  tx.one(sql`update cases.cases set state = 'credited', note = ${note}, intent_id = ${intentId}, merchant_id = ${merchantId}, closed_at = ${now}
    where id = ${id} returning ${COLUMNS}`)

const MAX_COUNTED = 1000

/** Counts the open cases of a kind, at most 1000. */
export const countOpen = async (q: Queryable, kind: CaseKind): Promise<number> =>
  (
    await q.one<{ open: number }>(
      sql`select count(*)::int as open from (
        select from cases.cases where state = 'open' and kind = ${kind} limit ${MAX_COUNTED}) counted`,
    )
  ).open

/** Lists cases, newest first. */
export function listCases(
  q: Queryable,
  of: { state?: CaseState | undefined; rail?: string | undefined; before?: string | undefined; limit: number },
): Promise<CaseRow[]> {
  const conditions: Sql[] = [sql`true`]
  // A literal, so that PostgreSQL uses the partial index of open cases.
  if (of.state !== undefined) conditions.push(of.state === 'open' ? sql`state = 'open'` : sql`state = ${of.state}`)
  if (of.rail !== undefined) conditions.push(sql`rail = ${of.rail}`)
  if (of.before !== undefined) conditions.push(sql`id < ${of.before}`)
  return q.many(sql`select ${COLUMNS} from cases.cases where ${joinSql(conditions, sql` and `)}
    order by id desc limit ${of.limit}`)
}
