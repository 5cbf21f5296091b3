import type { Account, Transfer } from '#ledger'
import type { Tx } from '#platform/db'
import { hastenPages, type AttemptRow } from './attempt-store.ts'
import { ATTEMPTS_QUEUE, type Core } from './core.ts'
import type { IntentChange } from './face.ts'
import { updateIntent, type IntentRow } from './intent-store.ts'
import { insertEntry, lockAccount, sumUp, type EntryRow, type ReceiptRow } from './receipt-store.ts'
import { availableOf, debtOf, isCustomers, ownerOf, takeTransfers, type Books, type Event } from './postings.ts'
import { flagsOf, isOver, statusOf, type AttemptEvent } from './state.ts'
import { largest, merchantTolerance } from './tolerance.ts'

/** One transaction on an intent that is locked: what was read, and what will be posted at its end. */
export interface Work {
  readonly tx: Tx
  readonly core: Core
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
  readonly goesOn?: boolean
}

export interface Moved {
  /** What it means for the attempt; undefined: nothing. */
  event: AttemptEvent | undefined
  refused?: string
  unconfirmed: boolean
}

export const booksOf = ({ intent, attempt }: Work, asset: Books['asset']): Books => ({
  rail: attempt.rail,
  railAccount: attempt.railAccount,
  account: intent.account,
  asset,
})

/** What the merchant owes, less what this work repays. Holds the debt's lock when there is any, so that it is repaid once. */
export async function owedTo(work: Work, books: Books): Promise<bigint> {
  // A customer's money pays no debt of the merchant's.
  if (isCustomers(books.account)) return 0n
  const debt = debtOf(books)
  const { code, asset } = debt
  const read = async (): Promise<bigint> =>
    (await work.core.ledger.balance(work.tx, code, asset)).posted + planned(work, debt)
  if ((await read()) >= 0n) return 0n
  await lockAccount(work.tx, `${code} ${asset}`)
  const balance = await read()
  return balance < 0n ? -balance : 0n
}

/** What can be taken from the merchant now. */
export async function availableTo(work: Work, books: Books): Promise<bigint> {
  if (work.contended) return 0n
  const account = availableOf(books)
  // The same lock as repaying takes, so that a debt made here and a receipt that could repay it do not miss each other.
  await lockAccount(work.tx, `${debtOf(books).code} ${books.asset}`)
  const { available } = await work.core.ledger.balance(work.tx, account.code, account.asset)
  const left = available + planned(work, account)
  return left > 0n ? left : 0n
}

/**
 * What goes back to a payer leaves the account that it was credited to; what a customer has spent of it leaves the merchant's. The rest becomes
 * debt.
 */
export async function takeOut(work: Work, event: Event, books: Books, amount: bigint): Promise<Transfer[]> {
  const there = await availableTo(work, books)
  if (!isCustomers(books.account) || there >= amount) return takeTransfers(event, books, amount, there)
  const merchants = { ...books, account: ownerOf(books.account) }
  const spent = { ...event, source: `${event.source} spent` }
  return [
    ...takeTransfers(event, books, there, there),
    ...takeTransfers(spent, merchants, amount - there, await availableTo(work, merchants)),
  ]
}

/** What the postings of this work will have moved on an account. */
export function planned({ transfers }: Pick<Work, 'transfers'>, { code, asset }: Account): bigint {
  const is = (account: Account): boolean => account.code === code && account.asset === asset
  return transfers.reduce((sum, { from, to, amount }) => sum + (is(to) ? amount : 0n) - (is(from) ? amount : 0n), 0n)
}

type NewEntry = Pick<EntryRow, 'kind' | 'asset' | 'amount' | 'transfers'> &
  Partial<Pick<EntryRow, 'id' | 'excess' | 'providerId' | 'reason'>>

/** One of the ways in which a receipt moved money. */
export async function addEntry({ tx, core, now }: Work, receipt: ReceiptRow, entry: NewEntry): Promise<void> {
  const { id: receiptId, rail, railAccount } = receipt
  const id = entry.id ?? core.ids.next('rce')
  await insertEntry(tx, { providerId: null, reason: null, excess: 0n, ...entry, id, receiptId, rail, railAccount }, now)
}

export interface Seen {
  /** Something of an attempt or a receipt that the public sees changed. */
  readonly shows: boolean
  readonly attemptFailed?: boolean
  readonly canceledAt?: Date
  readonly late?: boolean
}

/** Derives the intent anew from its rows, writes it when something that shows has changed, and tells its owner. */
export async function refreshIntent(tx: Tx, core: Core, intent: IntentRow, now: Date, seen: Seen): Promise<IntentRow> {
  const sums = await sumUp(tx, intent)
  const canceledAt = seen.canceledAt ?? intent.canceledAt
  const late = intent.late || seen.late === true
  const status = statusOf({
    ...sums,
    amount: intent.amount,
    tolerance: largest(sums.tolerance, merchantTolerance(intent)),
    late,
    canceled: canceledAt !== null,
    wasExpired: intent.status === 'expired',
    wasPaid: intent.status === 'paid',
    wasReversed: intent.status === 'reversed',
    expiresAt: intent.expiresAt,
    now,
    maxAttempts: core.limits.perIntent,
  })
  const { received, reversed, refunded } = sums
  const after: IntentRow = {
    ...intent,
    received,
    reversed,
    refunded,
    late,
    status,
    canceledAt,
    version: intent.version + 1,
  }
  const same =
    status === intent.status &&
    received === intent.received &&
    reversed === intent.reversed &&
    refunded === intent.refunded &&
    late === intent.late
  if (same && !seen.shows) return intent
  await updateIntent(tx, after, now)
  if (isOver(status) && !isOver(intent.status) && sums.livePage > 0) {
    // Looked at now, the pages are closed: nobody is to pay what is paid, canceled or expired.
    await hastenPages(tx, intent.id, now)
    tx.afterCommit(() => core.jobs().wake(ATTEMPTS_QUEUE))
  }
  await announce(tx, core, after, changeOf(intent, after, seen.attemptFailed === true))
  tx.afterCommit(() => core.changed(intent.id))
  return after
}

/** Writes the owner's job, if it wants to hear. */
export async function announce(
  tx: Tx,
  core: Core,
  intent: IntentRow,
  type: IntentChange['type'] | undefined,
): Promise<void> {
  const subscriber = core.subscribers[intent.owner]
  if (!subscriber || !type) return
  const { partial, overpaid } = flagsOf(intent)
  await core.jobs().enqueue(tx, subscriber, { intentId: intent.id, type, version: intent.version, partial, overpaid })
  tx.afterCommit(() => core.jobs().wake())
}

function changeOf(before: IntentRow, after: IntentRow, attemptFailed: boolean): IntentChange['type'] | undefined {
  if (after.status !== before.status) return after.status === 'open' && attemptFailed ? 'attempt-failed' : after.status
  // What a refund gave back is told by the refund's own events.
  if (after.reversed - before.reversed > after.refunded - before.refunded) return 'reversed'
  if (after.received > before.received) return 'received'
  return attemptFailed ? 'attempt-failed' : undefined
}
