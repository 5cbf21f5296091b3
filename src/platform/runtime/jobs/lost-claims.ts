import { runningMs } from '../../base/deadline.ts'
import { joinSql, rawSql, sql, type Db, type Sql } from '../../database/db.ts'
import type { Claimed, ClaimTable } from './claim-table.ts'

/** A claim, by the primary key of its row. */
export interface ClaimKey extends Claimed {
  readonly table: ClaimTable<never>
  readonly key: Readonly<Record<string, string>>
}

/**
 * Finds claims of this instance that no work of it knows. A claim is lost when its answer did not arrive: the connection broke after the
 * commit. Its row would wait as long as this instance lives.
 */
export interface LostClaims {
  /** Registers a claim that a queue of this instance works on. */
  hold(claim: ClaimKey): void
  drop(claim: ClaimKey): void
  /** Returns the claims that are in the database and have not been held here for their whole limit. */
  find(): Promise<ClaimKey[]>
}

/** Time for which a claim of a queue may be unknown: its answer is on its way. */
const QUEUE_LIMIT_MS = 10_000
/** The same for tables whose rows requests claim, too. A request ends within this time. */
const REQUEST_LIMIT_MS = 90_000
const MAX_CLAIMS = 10_000

export function createLostClaims(db: Db, holder: string, tables: readonly ClaimTable<never>[]): LostClaims {
  const held = new Set<string>()
  let unknown = new Map<string, number>()
  return {
    hold: (claim) => void held.add(idOf(claim)),
    drop: (claim) => void held.delete(idOf(claim)),
    find: async () => {
      const rows = await db.many<{ at: number; key: Record<string, string>; claim: bigint }>(
        sql`select * from (${joinSql(
          tables.map((table, at) => listClaims(table, at, holder)),
          rawSql(' union all '),
        )}) c limit ${MAX_CLAIMS}`,
      )
      const before = unknown
      const lost: ClaimKey[] = []
      unknown = new Map()
      for (const { at, key, claim: number } of rows) {
        const table = tables[at]
        if (!table) continue
        const claim = { table, key, claim: number }
        const id = idOf(claim)
        if (held.has(id)) continue
        const sinceMs = before.get(id) ?? runningMs()
        if (runningMs() - sinceMs > (table.requests ? REQUEST_LIMIT_MS : QUEUE_LIMIT_MS)) lost.push(claim)
        unknown.set(id, sinceMs)
      }
      return lost
    },
  }
}

const idOf = ({ table, key, claim }: ClaimKey): string =>
  [table.table, ...columnsOf(table).map((column) => key[column]), claim].join('\n')

/** Returns the columns of the primary key. */
const columnsOf = (table: ClaimTable<never>): string[] => Object.keys(table.keyOf({} as never))

function listClaims(table: ClaimTable<never>, at: number, holder: string): Sql {
  const key = columnsOf(table).map((column) => rawSql(`'${column}', ${column}::text`))
  return sql`select ${at}::int as at, jsonb_build_object(${joinSql(key, rawSql(', '))}) as key, claim
    from ${rawSql(table.table)} where claimed_by = ${holder}`
}
