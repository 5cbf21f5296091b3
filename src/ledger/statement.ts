import { AppError } from '#platform/base/errors'
import type { Queryable } from '#platform/database/db'
import type { Asset } from '#money'
import { listEntries, type EntryRow } from './store.ts'

export interface Statement {
  readonly entries: readonly Entry[]
  /** For the next, older page; undefined on the last. */
  readonly nextCursor: string | undefined
}

/** A transfer into or out of the account. */
export interface Entry extends EntryRow {
  /** Whether it came in or went out. The amount is above zero either way. */
  readonly direction: 'in' | 'out'
}

const MOST = 100
const NEWEST = 2n ** 63n - 1n

/** Newest first. Throws `ledger.bad-cursor` (422). */
export async function readStatement(
  q: Queryable,
  { code, asset, cursor, limit = MOST }: { code: string; asset: Asset; cursor?: string | undefined; limit?: number },
): Promise<Statement> {
  const size = Math.max(1, Math.min(limit, MOST))
  const rows = await listEntries(q, { code, asset, below: parseCursor(cursor), limit: size + 1 })
  const entries = rows
    .slice(0, size)
    .map((row) => ({ ...row, direction: row.to === code ? ('in' as const) : ('out' as const) }))
  return { entries, nextCursor: rows.length > size ? String(entries.at(-1)?.seq) : undefined }
}

function parseCursor(cursor: string | undefined): bigint {
  if (cursor === undefined) return NEWEST
  if (!/^\d{1,18}$/.test(cursor)) {
    throw new AppError('ledger.bad-cursor', 422, 'The cursor is not one of ours: take it from the page before.', {
      param: 'cursor',
    })
  }
  return BigInt(cursor)
}
