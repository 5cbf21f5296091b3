import type { Transfer } from '#ledger'
import { money } from '#money'
import { invariant } from '#platform/errors'
import type { Tx } from '#platform/db'
import { findAttempt } from '../attempt-store.ts'
import type { Core } from '../core.ts'
import type { IntentRow } from '../intent-store.ts'
import { availableOf, debtOf, repayTransfers, takeTransfers, type Books } from '../postings.ts'
import { findReceiptById, insertEntry, lockAccount, updateReceipt, type ReceiptRow } from '../receipt-store.ts'
import { countReceipt } from '../receipts.ts'
import type { Work } from '../work.ts'
import { holdOf } from './hold.ts'
import { listParts, type RefundPart, type RefundRow } from './store.ts'

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

const booksOf = ({ intent, row }: RefundWork): Books => ({
  rail: row.rail ?? 'hand',
  railAccount: row.railAccount,
  account: intent.account,
  asset: row.asset,
})

const lockDebt = ({ tx }: RefundWork, books: Books): Promise<void> =>
  lockAccount(tx, `${debtOf(books).code} ${books.asset}`)

/**
 * The provider has sent it: what was held goes from the merchant's balance to the clearing account of whoever sent it; what could not be held
 * becomes debt. What of it nothing was held for (a refund that had been given up) is taken as a reversal is.
 */
export async function takeMoney(work: RefundWork, reference: string | null): Promise<void> {
  const { core, tx, row } = work
  const books = booksOf(work)
  if (row.held < row.amount) await lockDebt(work, books)
  // Freed and taken in one transaction: the balance's row stays locked in between, so nobody else can spend it.
  if (row.held > 0n) invariant(await core.ledger.release(tx, holdOf(row.id)), `the hold of ${row.id} is there`)
  const isLost = row.held === 0n && row.endedAt !== null
  let there = isLost ? await spare(work, books) : row.held
  const parts = await listParts(tx, row.id)
  for (const part of parts) {
    const receipt = await requireReceipt(tx, part)
    const providerId = `${reference ?? row.id}${parts.length > 1 ? `:${receipt.id}` : ''}`
    there -= await takeBack(work, { receipt, part, books, there, providerId })
  }
}

const spare = ({ contended, core, tx }: RefundWork, books: Books): Promise<bigint> =>
  contended
    ? Promise.resolve(0n)
    : core.ledger.balance(tx, availableOf(books).code, books.asset).then(({ available }) => available)

interface Taking {
  readonly receipt: ReceiptRow
  readonly part: RefundPart
  readonly books: Books
  /** What the merchant's balance gives; the rest becomes debt. */
  readonly there: bigint
  readonly providerId: string
}

/** @returns what was taken from the balance */
async function takeBack({ core, tx, row, now, transfers }: RefundWork, taking: Taking): Promise<bigint> {
  const { receipt, part, books, there, providerId } = taking
  const left = receipt.counted - receipt.reversed
  const amount = part.amount < left ? part.amount : left
  if (amount < part.amount)
    core.log.error({ refundId: row.id, receiptId: receipt.id }, 'a refund exceeds what is left of the receipt')
  if (amount <= 0n) return 0n
  const event = { source: core.ids.next('rce'), ref: receipt.id, kind: 'payments.refund' }
  const taken = takeTransfers(event, books, amount, there)
  const { rail, railAccount, asset } = books
  const entry = { id: event.source, receiptId: receipt.id, rail, railAccount, kind: 'reversal' as const, asset, amount }
  await insertEntry(tx, { ...entry, providerId, reason: `refund ${row.id}`, transfers: taken.map(({ id }) => id) }, now)
  const { reversed, refunded } = receipt
  await updateReceipt(tx, { ...receipt, reversed: reversed + amount, refunded: refunded + amount }, now)
  transfers.push(...taken)
  return there < amount ? there : amount
}

/** It was surely not sent: what was held is the merchant's again, and repays first what is owed. */
export async function freeMoney(work: RefundWork): Promise<void> {
  const { core, tx, row, transfers } = work
  if (row.held === 0n) return
  const books = booksOf(work)
  await lockDebt(work, books)
  invariant(await core.ledger.release(tx, holdOf(row.id)), `the hold of ${row.id} is there`)
  const { posted } = await core.ledger.balance(tx, debtOf(books).code, books.asset)
  if (posted >= 0n) return
  const owed = -posted
  const event = { source: core.ids.next('rce'), ref: row.id, kind: 'payments.repayment' }
  transfers.push(...repayTransfers(event, books, owed < row.held ? owed : row.held))
}

/** A refund that was counted came back to us: its money is counted anew, as far as it was taken. */
export async function returnMoney(work: RefundWork): Promise<void> {
  const { tx, core, row, now, intent, contended, transfers } = work
  const parts = await listParts(tx, row.id)
  for (const part of parts) {
    const receipt = await requireReceipt(tx, part)
    const paid = await findAttempt(tx, receipt.attemptId)
    invariant(paid, 'a receipt has an attempt')
    // It comes back to whoever had sent it, which need not be the rail that had taken it.
    const attempt = { ...paid, rail: row.rail ?? paid.rail, railAccount: row.railAccount }
    const back: Work = { tx, core, now, intent, attempt, contended, transfers, late: false, receiptChanged: false }
    const providerId = `${row.reference ?? row.id}${parts.length > 1 ? `:${receipt.id}` : ''}`
    const gross = money(row.asset, part.amount)
    await countReceipt(back, {
      id: `${providerId}:returned`,
      gross,
      at: now,
      final: true,
      stated: true,
      returns: providerId,
    })
  }
}

async function requireReceipt(tx: Tx, { receiptId }: RefundPart): Promise<ReceiptRow> {
  const receipt = await findReceiptById(tx, receiptId)
  invariant(receipt, 'a refund is of receipts')
  return receipt
}
