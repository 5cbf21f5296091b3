import type { Account, Transfer } from '#ledger'
import type { Tx } from '#platform/database/db'
import type { AttemptEvent } from './attempts/types.ts'
import type { Context } from './context.ts'
import { availableOf, type Books, debtOf, debtorOf, type Event, isCustomerAccount, debitTransfers } from './postings.ts'
import type { AttemptRow } from './store/attempts.ts'
import type { IntentRow } from './store/intents.ts'
import { type EntryRow, insertEntry, lockAccount, type ReceiptRow } from './store/receipts.ts'

/** One transaction on an intent that is locked: what was read, and what will be posted at its end. */
export interface UnitOfWork {
  readonly tx: Tx
  readonly context: Context
  readonly now: Date
  readonly intent: IntentRow
  readonly attempt: AttemptRow
  /** What is available changes too fast to be read: nothing may depend on it. */
  readonly contended: boolean
  /** All of it goes to the ledger in one call at the end, which keeps its locks short and in order. */
  readonly transfers: Transfer[]
  /** Money of this work came when the intent was over. */
  late: boolean
  /** A receipt shows more than before. */
  receiptChanged: boolean
  /** Another part of the same money comes back after this one. */
  readonly hasMoreParts?: boolean
}

export interface MoveResult {
  /** What it means for the attempt; undefined: nothing. */
  event: AttemptEvent | undefined
  refused?: string
  unconfirmed: boolean
}

export const booksOf = ({ intent, attempt }: UnitOfWork, asset: Books['asset']): Books => ({
  rail: attempt.rail,
  railAccount: attempt.railAccount,
  account: intent.account,
  asset,
})

/** What the merchant owes, less what this work repays. Holds the debt's lock when there is any, so that it is repaid once. */
export async function readDebt(unit: UnitOfWork, books: Books): Promise<bigint> {
  // A customer's money pays no debt of the merchant's.
  if (isCustomerAccount(books.account)) return 0n
  const debt = debtOf(books)
  const { code, asset } = debt
  const read = async (): Promise<bigint> =>
    (await unit.context.ledger.balance(unit.tx, code, asset)).posted + planned(unit, debt)
  if ((await read()) >= 0n) return 0n
  await lockAccount(unit.tx, `${code} ${asset}`)
  const balance = await read()
  return balance < 0n ? -balance : 0n
}

/** What can be taken from the merchant now. */
export async function readAvailable(unit: UnitOfWork, books: Books): Promise<bigint> {
  if (unit.contended) return 0n
  const account = availableOf(books)
  // The same lock as repaying takes, so that a debt made here and a receipt that could repay it do not miss each other.
  await lockAccount(unit.tx, `${debtOf(books).code} ${books.asset}`)
  const { available } = await unit.context.ledger.balance(unit.tx, account.code, account.asset)
  const left = available + planned(unit, account)
  return left > 0n ? left : 0n
}

/**
 * What goes back to a payer leaves the account that it was credited to; what a customer has spent of it leaves the merchant's. The rest becomes
 * debt.
 */
export async function debitForReversal(
  unit: UnitOfWork,
  event: Event,
  books: Books,
  amount: bigint,
): Promise<Transfer[]> {
  const there = await readAvailable(unit, books)
  if (!isCustomerAccount(books.account) || there >= amount) return debitTransfers(event, books, amount, there)
  const merchants = { ...books, account: debtorOf(books.account) }
  const spent = { ...event, source: `${event.source} spent` }
  return [
    ...debitTransfers(event, books, there, there),
    ...debitTransfers(spent, merchants, amount - there, await readAvailable(unit, merchants)),
  ]
}

/** What the postings of this work will have moved on an account. */
export function planned({ transfers }: Pick<UnitOfWork, 'transfers'>, { code, asset }: Account): bigint {
  const is = (account: Account): boolean => account.code === code && account.asset === asset
  return transfers.reduce((sum, { from, to, amount }) => sum + (is(to) ? amount : 0n) - (is(from) ? amount : 0n), 0n)
}

type NewEntry = Pick<EntryRow, 'kind' | 'asset' | 'amount' | 'transfers'> &
  Partial<Pick<EntryRow, 'id' | 'excess' | 'providerId' | 'reason'>>

/** One of the ways in which a receipt moved money. */
export async function addEntry({ tx, context, now }: UnitOfWork, receipt: ReceiptRow, entry: NewEntry): Promise<void> {
  const { id: receiptId, rail, railAccount } = receipt
  const id = entry.id ?? context.ids.next('rce')
  await insertEntry(tx, { providerId: null, reason: null, excess: 0n, ...entry, id, receiptId, rail, railAccount }, now)
}
