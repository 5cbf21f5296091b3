import type { Transfer } from '#ledger'
import type { Tx } from '#platform/db'
import type { Core } from '../core.ts'
import type { IntentRow } from '../intent-store.ts'
import { debtOf, type Books } from '../postings.ts'
import { lockAccount } from '../receipt-store.ts'
import type { RefundRow } from './store.ts'

/** One transaction on a refund whose intent is locked: what was read, and what will be posted at its end. */
export interface RefundWork {
  readonly tx: Tx
  readonly core: Core
  readonly now: Date
  readonly intent: IntentRow
  readonly row: RefundRow
  readonly contended: boolean
  readonly transfers: Transfer[]
}

export const booksOf = ({ intent, row }: RefundWork): Books => ({
  rail: row.rail ?? 'hand',
  railAccount: row.railAccount,
  account: intent.account,
  asset: row.asset,
})

export const lockDebt = ({ tx }: RefundWork, books: Books): Promise<void> =>
  lockAccount(tx, `${debtOf(books).code} ${books.asset}`)
