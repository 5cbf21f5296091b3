import type { Transfer } from '#ledger'
import type { Tx } from '#platform/database/db'
import type { Context } from '../context.ts'
import { type Books, debtOf } from '../postings.ts'
import type { IntentRow } from '../store/intents.ts'
import { lockAccount } from '../store/receipts.ts'
import type { RefundRow } from '../store/refunds.ts'

/** One transaction on a refund whose intent is locked: the rows it read, and the transfers to post at its end. */
export interface RefundUnit {
  readonly tx: Tx
  readonly context: Context
  readonly now: Date
  readonly intent: IntentRow
  readonly row: RefundRow
  readonly contended: boolean
  readonly transfers: Transfer[]
}

export const booksOf = ({ intent, row }: RefundUnit): Books => ({
  rail: row.rail ?? 'hand',
  railAccount: row.railAccount,
  account: intent.account,
  asset: row.asset,
})

export const lockDebt = ({ tx }: RefundUnit, books: Books): Promise<void> =>
  lockAccount(tx, `${debtOf(books).code} ${books.asset}`)
