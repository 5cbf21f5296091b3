import { addMs } from '#platform/base/clock'
import type { Queryable } from '#platform/database/db'
import { findLineFrom, findNewestSeq, listAccountIds, pageOfLines, type LineRow } from './history-store.ts'

/** One side of a transfer, as its account sees it. */
export interface HistoryLine {
  /** Of the transfer. */
  readonly id: string
  readonly at: Date
  readonly account: string
  readonly asset: LineRow['asset']
  readonly direction: 'in' | 'out'
  /** Minor units, above zero either way. */
  readonly amount: bigint
  readonly kind: string
  readonly ref: string
}

export interface HistoryQuery {
  /** Of the accounts' codes, such as `merchant:mer_…:`. */
  readonly prefix: string
  /** Included. */
  readonly from: Date
  /** Not included. */
  readonly to: Date
  readonly pageRows?: number | undefined
}

/** Accounts of one owner: a few names in each asset. */
const MOST_ACCOUNTS = 1000
const PAGE_ROWS = 1000
/** A transfer carries the time of its process and its seq that of the database: both grow together, but for so much. */
const SKEW_MS = 10 * 60_000

/** See Ledger.history. */
export async function* readHistory(q: Queryable, of: HistoryQuery): AsyncGenerator<readonly HistoryLine[]> {
  const { prefix, from, to, pageRows = PAGE_ROWS } = of
  const accounts = await listAccountIds(q, prefix, MOST_ACCOUNTS)
  const newest = await findNewestSeq(q, accounts)
  if (newest === 0n) return
  const end = await findSeq(q, accounts, addMs(to, SKEW_MS), newest)
  let after = (await findSeq(q, accounts, addMs(from, -SKEW_MS), newest)) - 1n
  while (after < end) {
    const rows = await pageOfLines(q, { accounts, after, limit: pageRows })
    const last = rows.at(-1)
    if (!last) return
    const isLast = rows.length < pageRows
    // Both rows of one transfer are in one page: where the page may end between them, both come with the next.
    const whole = isLast || rows[0]?.seq === last.seq ? rows : rows.filter(({ seq }) => seq < last.seq)
    const lines = whole.filter(({ at }) => at >= from && at < to)
    if (lines.length > 0) yield lines
    if (isLast) return
    after = whole.at(-1)?.seq ?? last.seq
  }
}

/** The seq from which on the accounts' transfers are of this time or later, found by halving: there is no index by time. */
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
