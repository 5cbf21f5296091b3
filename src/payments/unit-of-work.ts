import type { Account, Transfer } from '#ledger'
import type { Tx } from '#platform/database/db'
import type { AttemptEvent } from './attempts/types.ts'
import type { Context } from './context.ts'
import { availableOf, type Books, debtOf, debtorOf, type Event, isCustomerAccount, debitTransfers } from './postings.ts'
import type { AttemptRow } from './store/attempts.ts'
import type { IntentRow } from './store/intents.ts'
import { type EntryRow, insertEntry, lockAccount, type ReceiptRow } from './store/receipts.ts'

/** One transaction on a locked intent: the rows that it read and the transfers that it will post. */
export interface UnitOfWork {
  readonly tx: Tx
  readonly context: Context
  readonly now: Date
  readonly intent: IntentRow
  readonly attempt: AttemptRow
  /** The available balance changes too fast to be read. Nothing may depend on it. */
  readonly contended: boolean
  /** Transfers to post in one ledger call at the end, which keeps the ledger's locks short and ordered. */
  readonly transfers: Transfer[]
  /** True: money arrived after the intent had ended. */
  late: boolean
  /** A visible field of a receipt changed. */
  receiptChanged: boolean
  /** More parts of the same returned money follow. */
  readonly hasMoreParts?: boolean
}

export interface MoveResult {
  /** Event for the attempt's state; undefined when nothing changes. */
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

/**
 * Reads the merchant's debt, less the repayments planned in this unit. Locks the debt when there is one, so that it is
 * repaid only once.
 */
export async function readDebt(unit: UnitOfWork, books: Books): Promise<bigint> {
  // A customer's balance never repays a merchant's debt.
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

/** Reads the balance that can be debited now, with the planned transfers; zero when contended. */
export async function readAvailable(unit: UnitOfWork, books: Books): Promise<bigint> {
  if (unit.contended) return 0n
  const account = availableOf(books)
  // Take the lock that repayments take. Without it, a new debt and a receipt that could repay it would miss each other.
  await lockAccount(unit.tx, `${debtOf(books).code} ${books.asset}`)
  const { available } = await unit.context.ledger.balance(unit.tx, account.code, account.asset)
  const remaining = available + planned(unit, account)
  return remaining > 0n ? remaining : 0n
}

/**
 * Builds the transfers of a reversal. It debits the account that was credited; the part that a customer has spent is
 * debited from the merchant. The rest becomes debt.
 */
export async function debitForReversal(
  unit: UnitOfWork,
  event: Event,
  books: Books,
  amount: bigint,
): Promise<Transfer[]> {
  const available = await readAvailable(unit, books)
  if (!isCustomerAccount(books.account) || available >= amount) return debitTransfers(event, books, amount, available)
  const merchants = { ...books, account: debtorOf(books.account) }
  const spent = { ...event, source: `${event.source} spent` }
  return [
    ...debitTransfers(event, books, available, available),
    ...debitTransfers(spent, merchants, amount - available, await readAvailable(unit, merchants)),
  ]
}

/** Sums the planned change of an account. */
export function planned({ transfers }: Pick<UnitOfWork, 'transfers'>, { code, asset }: Account): bigint {
  const is = (account: Account): boolean => account.code === code && account.asset === asset
  return transfers.reduce((sum, { from, to, amount }) => sum + (is(to) ? amount : 0n) - (is(from) ? amount : 0n), 0n)
}

type NewEntry = Pick<EntryRow, 'kind' | 'asset' | 'amount' | 'transfers'> &
  Partial<Pick<EntryRow, 'id' | 'excess' | 'providerId' | 'reason'>>

/** Inserts an entry that explains how a receipt moved money. */
export async function addEntry({ tx, context, now }: UnitOfWork, receipt: ReceiptRow, entry: NewEntry): Promise<void> {
  const { id: receiptId, rail, railAccount } = receipt
  const id = entry.id ?? context.ids.next('rce')
  await insertEntry(tx, { providerId: null, reason: null, excess: 0n, ...entry, id, receiptId, rail, railAccount }, now)
}
