import { money } from '#money'
import type { Tx } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import { availableOf, type Books, debitTransfers } from '../../postings.ts'
import { openExcessCase } from '../../receipts/excess.ts'
import { countReceipt } from '../../receipts/receipts.ts'
import { cancelUncoveredRefunds } from '../../reservations/cancel.ts'
import { holdOf } from '../../reservations/hold.ts'
import { insertProviderRefund } from '../../reservations/provider.ts'
import { booksOf, lockDebt, type RefundUnit } from '../../reservations/unit-of-work.ts'
import { freeForRefund } from '../../settlements/holding.ts'
import { findAttempt } from '../../store/attempts.ts'
import {
  findReceiptById,
  findReversal,
  insertEntry,
  type ReceiptRow,
  refundableAmount,
  subtractReversal,
  updateReceipt,
} from '../../store/receipts.ts'
import { listParts, type RefundPart } from '../../store/refunds.ts'
import { planned, type UnitOfWork } from '../../unit-of-work.ts'

/**
 * The provider has sent it: all of it goes from the merchant's balance to the clearing account of whoever sent it. What was held goes first, then
 * what else is there (nothing was held for a refund that had been given up); the rest becomes debt.
 */
export async function takeMoney(unit: RefundUnit, reference: string | null): Promise<void> {
  const { context, tx, row } = unit
  const books = booksOf(unit)
  if (row.held < row.amount) await lockDebt(unit, books)
  const parts = await listParts(tx, row.id)
  // One that was given up has its part of the receipts no longer: others may have been promised it since.
  if (row.endedAt !== null) await cancelOtherRefunds(unit, parts)
  // Freed and taken in one transaction: the balance's row stays locked in between, so nobody else can spend it.
  if (row.held > 0n) invariant(await context.ledger.release(tx, holdOf(row.id)), `the hold of ${row.id} is there`)
  await takeParts(unit, parts, { reference, there: row.held === row.amount ? row.held : await reach(unit, books) })
}

/** Another sending of a refund that was taken went through too: it is a refund that nobody asked for, and a person is told. */
export async function takeAgain(
  unit: RefundUnit,
  { rail, reference }: { rail: string; reference: string },
): Promise<boolean> {
  const { tx, row } = unit
  const { railAccount, asset, amount } = row
  const parts = await listParts(tx, row.id)
  const known = await findReversal(tx, { rail, railAccount, providerId: entryOf(parts, reference, parts[0]) })
  if (known) return false
  const again = { ...unit, row: { ...row, rail } }
  await lockDebt(again, booksOf(again))
  await cancelOtherRefunds(again, parts)
  const noted = await insertProviderRefund(unit, { asset, amount, rail, railAccount, reference, parts })
  const there = await reach(again, booksOf(again))
  await takeParts({ ...again, row: noted }, parts, { reference, there, again: true })
  return true
}

async function cancelOtherRefunds(unit: RefundUnit, parts: readonly RefundPart[]): Promise<void> {
  for (const { receiptId, amount } of parts) {
    const left = await refundableAmount(unit.tx, await requireReceipt(unit.tx, receiptId), unit.intent)
    await cancelUncoveredRefunds(unit, receiptId, left - amount, unit.row.id)
  }
}

/** What the merchant has for it: what of this payment is held back, which is freed, and what is available. */
async function reach(unit: RefundUnit, books: Books): Promise<bigint> {
  const { context, tx, row, intent, contended, transfers } = unit
  const available = availableOf(books)
  const [amount, source] = [row.amount - row.held, context.ids.next('rce')]
  transfers.push(
    ...(await freeForRefund(context, tx, { intentId: intent.id, available, amount, cause: row.id, source })),
  )
  // Where something was held, the balance's row is locked by now.
  const changing = contended && row.held === 0n
  const balance = changing ? 0n : (await context.ledger.balance(tx, available.code, available.asset)).available
  const there = balance + planned(unit, available)
  return there > 0n ? there : 0n
}

/** What one provider's id names is one entry: several parts are told apart by their receipts. */
const entryOf = (parts: readonly RefundPart[], reference: string, part: RefundPart | undefined): string =>
  parts.length > 1 ? `${reference}:${part?.receiptId ?? ''}` : reference

interface Taken {
  readonly reference: string | null
  /** What the merchant's balance gives; the rest becomes debt. */
  readonly there: bigint
  /** It went before: none of it was to go. */
  readonly again?: boolean
}

async function takeParts(
  unit: RefundUnit,
  parts: readonly RefundPart[],
  { reference, there, again = false }: Taken,
): Promise<void> {
  let left = there
  for (const part of parts) {
    const providerId = entryOf(parts, reference ?? unit.row.id, part)
    await takeBack(unit, { part, there: left, providerId, again })
    left -= least(left, part.amount)
  }
}

async function takeBack(
  unit: RefundUnit,
  { part, there, providerId, again }: { part: RefundPart; there: bigint; providerId: string; again: boolean },
): Promise<void> {
  const { context, tx, row, now, intent, transfers } = unit
  const receipt = await requireReceipt(tx, part.receiptId)
  const books = booksOf(unit)
  const { rail, railAccount, asset } = books
  const { amount } = part
  const within = least(amount, await refundableAmount(tx, receipt, intent))
  const excess = amount - within
  const event = { source: context.ids.next('rce'), ref: receipt.id, kind: 'payments.refund' }
  const taken = debitTransfers(event, books, amount, there)
  const entry = { id: event.source, receiptId: receipt.id, rail, railAccount, kind: 'reversal' as const, asset, amount }
  const reason = `refund ${row.id}`
  await insertEntry(tx, { ...entry, excess, providerId, reason, transfers: taken.map(({ id }) => id) }, now)
  // What counts for nothing is not taken back of what counts.
  const counts = asset === intent.asset ? within : 0n
  await updateReceipt(tx, subtractReversal(receipt, { within: counts, refunded: counts, excess }), now)
  transfers.push(...taken)
  if (again || excess > 0n)
    await openExcessCase(unit, receipt, { subject: event.source, asset, ours: again ? 0n : within, theirs: amount })
}

/** A refund that was counted came back to us: its money is counted anew, as far as it was taken. */
export async function returnMoney(unit: RefundUnit): Promise<void> {
  const { tx, context, row, now, intent, contended, transfers } = unit
  const parts = await listParts(tx, row.id)
  for (const [i, part] of parts.entries()) {
    const receipt = await requireReceipt(tx, part.receiptId)
    const paid = await findAttempt(tx, receipt.attemptId)
    invariant(paid, 'a receipt has an attempt')
    // It comes back to whoever had sent it, which need not be the rail that had taken it.
    const attempt = { ...paid, rail: row.rail ?? paid.rail, railAccount: row.railAccount }
    const seen = { late: false, receiptChanged: false, hasMoreParts: i < parts.length - 1 }
    const back: UnitOfWork = { tx, context, now, intent, attempt, contended, transfers, ...seen }
    const providerId = entryOf(parts, row.reference ?? row.id, part)
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

async function requireReceipt(tx: Tx, receiptId: string): Promise<ReceiptRow> {
  const receipt = await findReceiptById(tx, receiptId)
  invariant(receipt, 'a refund is of receipts')
  return receipt
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
