import { addMs } from '#platform/base/clock'
import type { Queryable } from '#platform/database/db'
import { findLineFrom, findNewestSeq, listAccountIds, pageOfLines, type LineRow } from './history-store.ts'

/** One side of a transfer, from the view of its account. */
export interface HistoryLine {
  /** Id of the transfer. */
  readonly id: string
  readonly at: Date
  readonly account: string
  readonly asset: LineRow['asset']
  readonly direction: 'in' | 'out'
  /** Minor units, always positive. */
  readonly amount: bigint
  readonly kind: string
  readonly ref: string
}

export interface HistoryQuery {
  /** Prefix of the account codes, such as `merchant:mer_…:`. */
  readonly prefix: string
  /** Inclusive. */
  readonly from: Date
  /** Exclusive. */
  readonly to: Date
  readonly pageRows?: number | undefined
}

/** Maximum accounts of one owner. An owner has a few accounts per asset. */
const MAX_ACCOUNTS = 1000
const PAGE_ROWS = 1000
/** Maximum skew between time and seq. `at` comes from the process and `seq` from the database, so their orders can differ slightly. */
const SKEW_MS = 10 * 60_000

/** See `Ledger.history`. */
export async function* readHistory(q: Queryable, query: HistoryQuery): AsyncGenerator<readonly HistoryLine[]> {
  const { prefix, from, to, pageRows = PAGE_ROWS } = query
  const accounts = await listAccountIds(q, prefix, MAX_ACCOUNTS)
  const newest = await findNewestSeq(q, accounts)
  if (newest === 0n) return
  const end = await findSeq(q, accounts, addMs(to, SKEW_MS), newest)
  let after = (await findSeq(q, accounts, addMs(from, -SKEW_MS), newest)) - 1n
  while (after < end) {
    const rows = await pageOfLines(q, { accounts, after, limit: pageRows })
    const last = rows.at(-1)
    if (!last) return
    const isLast = rows.length < pageRows
    // Keep both rows of a transfer on one page. When the page might end between them, leave both to the next page.
    const complete = isLast || rows[0]?.seq === last.seq ? rows : rows.filter(({ seq }) => seq < last.seq)
    const lines = complete.filter(({ at }) => at >= from && at < to)
    if (lines.length > 0) yield lines
    if (isLast) return
    after = complete.at(-1)?.seq ?? last.seq
  }
}

/** Returns the first seq of these accounts whose transfer is at this time or later. Binary search, because there is no index by time. */
async function findSeq(q: Queryable, accounts: readonly bigint[], at: Date, newest: bigint): Promise<bigint> {
  let low = 1n
  let high = newest + 1n
  while (low < high) {
    const middle = (low + high) / 2n
    const found = await findLineFrom(q, accounts, middle)
    if (!found || found.at >= at) high = middle
    else low = found.seq + 1n
  }
  return low
}
