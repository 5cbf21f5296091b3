import { AppError } from '#platform/base/errors'
import type { Queryable } from '#platform/database/db'
import type { Asset } from '#money'
import { listEntries, type EntryRow } from './store.ts'

export interface Statement {
  readonly entries: readonly Entry[]
  /** Cursor of the next, older page. Undefined on the last page. */
  readonly nextCursor: string | undefined
}

/** A transfer into or out of the account. */
export interface Entry extends EntryRow {
  /** Whether the money arrived at or left the account. The amount is always positive. */
  readonly direction: 'in' | 'out'
}

const MAX_PAGE_SIZE = 100
const ABOVE_ALL_SEQS = 2n ** 63n - 1n

/** Returns entries newest first. Throws `ledger.bad-cursor` (422). */
export async function readStatement(
  q: Queryable,
  {
    code,
    asset,
    cursor,
    limit = MAX_PAGE_SIZE,
  }: { code: string; asset: Asset; cursor?: string | undefined; limit?: number },
): Promise<Statement> {
  const size = Math.max(1, Math.min(limit, MAX_PAGE_SIZE))
  const rows = await listEntries(q, { code, asset, below: parseCursor(cursor), limit: size + 1 })
  const entries = rows
    .slice(0, size)
    .map((row) => ({ ...row, direction: row.to === code ? ('in' as const) : ('out' as const) }))
  return { entries, nextCursor: rows.length > size ? String(entries.at(-1)?.seq) : undefined }
}

function parseCursor(cursor: string | undefined): bigint {
  if (cursor === undefined) return ABOVE_ALL_SEQS
  if (!/^\d{1,18}$/.test(cursor)) {
    throw new AppError('ledger.bad-cursor', 422, 'The cursor is not valid. Use the cursor of the previous page.', {
      param: 'cursor',
    })
  }
  return BigInt(cursor)
}
