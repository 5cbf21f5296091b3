import { monotonicMs } from '../../base/clock.ts'
import { withDeadline } from '../../base/deadline.ts'
import { isDatabaseUnavailable, joinSql, rawSql, sql, type Db, type Sql } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import type { ClaimTable } from './claim-table.ts'
import type { ClaimKey } from './lost-claims.ts'

/** Claims of this instance that were given back and are not written yet. */
export interface GivenBack {
  add(claim: ClaimKey, retryAt: Date): void
  /**
   * Writes the claims of a table, or of all tables. A row that another transaction locks waits for the next flush, and one that cannot be
   * written is logged and waits for a while: neither holds up other rows. Throws when the database is unavailable.
   */
  flush(table?: ClaimTable<never>): Promise<void>
}

interface Row extends Pick<ClaimKey, 'key' | 'claim'> {
  readonly retryAt: Date
  /** Monotonic time of the next write after a failure. */
  afterMs: number
}

interface List {
  /** By key and claim, because a claim that is not written yet may be given back again. */
  readonly rows: Map<string, Row>
  flushing: Promise<void>
}

const MAX_BATCH = 1_000
const FLUSH_LIMIT_MS = 45_000
const RETRY_MS = 5_000

export function createGivenBack(db: Db, holder: string, log: Log): GivenBack {
  const lists = new Map<ClaimTable<never>, List>()

  /** Writes rows, one by one when the database refuses them together. Returns those that remain. */
  const write = async (table: ClaimTable<never>, rows: readonly Row[]): Promise<readonly Row[]> => {
    try {
      const locked = await db.many<{ at: number }>(releaseRows(table, holder, rows))
      return locked.flatMap(({ at }) => rows[at - 1] ?? [])
    } catch (err) {
      if (isDatabaseUnavailable(err)) throw err
      const [row] = rows
      if (row && rows.length === 1) {
        row.afterMs = monotonicMs() + RETRY_MS
        log.error({ err, table: table.table, key: row.key }, 'a claim could not be given back; it is tried again')
        return rows
      }
      const left: Row[] = []
      for (const each of rows) left.push(...(await write(table, [each])))
      return left
    }
  }

  const flushList = async (table: ClaimTable<never>, list: List): Promise<void> => {
    const now = monotonicMs()
    const batch = [...list.rows.values()].filter(({ afterMs }) => afterMs <= now).slice(0, MAX_BATCH)
    if (batch.length === 0) return
    const left = new Set(await write(table, batch))
    for (const row of batch) if (!left.has(row)) list.rows.delete(idOf(row))
  }

  // One flush of a table at a time. Each has a deadline, so that one that hangs holds up no other.
  const flush = (table: ClaimTable<never>): Promise<void> => {
    const list = lists.get(table)
    if (!list || list.rows.size === 0) return Promise.resolve()
    const next = (): Promise<void> =>
      withDeadline({ name: `Giving claims on ${table.table} back`, limitMs: FLUSH_LIMIT_MS }, () =>
        flushList(table, list),
      )
    return (list.flushing = list.flushing.then(next, next))
  }

  return {
    add: ({ table, key, claim }, retryAt) => {
      const list = lists.get(table) ?? { rows: new Map(), flushing: Promise.resolve() }
      lists.set(table, list)
      const id = idOf({ key, claim })
      if (!list.rows.has(id)) list.rows.set(id, { key, claim, retryAt, afterMs: 0 })
    },
    flush: async (table) => {
      if (table) return flush(table)
      const results = await Promise.allSettled([...lists.keys()].map(flush))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
  }
}

const idOf = ({ key, claim }: Pick<Row, 'key' | 'claim'>): string => [claim, ...Object.values(key)].join('\n')

/** Releases rows that are still claimed as given. Returns the positions, from 1, of those that are locked. */
function releaseRows({ table, dueAt = 'due_at' }: ClaimTable<never>, holder: string, rows: readonly Row[]): Sql {
  const columns = Object.keys(rows[0]?.key ?? {})
  const keys = columns.map((column) => sql`${rows.map(({ key }) => key[column])}::text[]`)
  const isHeld = sql`t.claimed_by = ${holder} and t.claim = b.number and ${joinSql(
    columns.map((column) => rawSql(`t.${column}::text = b.${column}`)),
    sql` and `,
  )}`
  const due = rawSql(dueAt ?? 'null')
  // A row without a due time has ended.
  const set =
    dueAt === null
      ? sql``
      : sql`, ${due} = case when t.${due} is null then null else greatest(t.${due}, b.retry_at) end`
  return sql`with given as (
      select * from unnest(${joinSql(keys, sql`, `)}, ${rows.map(({ claim }) => claim)}::bigint[],
        ${rows.map(({ retryAt }) => retryAt)}::timestamptz[]) with ordinality as b (${rawSql(columns.join(', '))}, number, retry_at, at)),
    free as (select b.* from ${rawSql(table)} t join given b on ${isHeld} for update of t skip locked),
    released as (update ${rawSql(table)} as t set claimed_by = null ${set} from free b where ${isHeld} returning b.at)
    select b.at::int from ${rawSql(table)} t join given b on ${isHeld}
    where b.at not in (select at from released) limit ${rows.length}`
}
