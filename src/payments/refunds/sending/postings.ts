import { money } from '#money'
import type { Tx } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import { availableOf, type Books, debitTransfers } from '../../postings.ts'
import { openExcessCase } from '../../receipts/excess.ts'
import { countReceipt } from '../../receipts/receipts.ts'
import { cancelUncoveredRefunds } from '../../reservations/cancel.ts'
import { holdIdOf } from '../../reservations/hold.ts'
import { insertProviderRefund } from '../../reservations/provider.ts'
import { booksOf, lockDebt, type RefundUnit } from '../../reservations/unit-of-work.ts'
import { releasePendingForRefund } from '../../settlements/holding.ts'
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
 * Posts a refund that the provider sent: the full amount moves from the merchant's balance to the sender's clearing account. The hold is used
 * first, then the available balance (a refund that was given up has no hold). The rest becomes debt.
 */
export async function debitRefund(unit: RefundUnit, reference: string | null): Promise<void> {
  const { context, tx, row } = unit
  const books = booksOf(unit)
  if (row.held < row.amount) await lockDebt(unit, books)
  const parts = await listParts(tx, row.id)
  // A refund that was given up no longer reserves its receipts, and later refunds may have reserved them.
  if (row.endedAt !== null) await cancelOtherRefunds(unit, parts)
  // Release and debit share a transaction: the balance row stays locked, so no other transaction can spend the money.
  if (row.held > 0n) invariant(await context.ledger.release(tx, holdIdOf(row.id)), `the hold of ${row.id} exists`)
  await debitParts(unit, parts, {
    reference,
    there: row.held === row.amount ? row.held : await availableForRefund(unit, books),
  })
}

/** Posts a second successful sending of one refund. It becomes a separate refund, and a case is opened for an operator. */
export async function debitDuplicateSending(
  unit: RefundUnit,
  { rail, reference }: { rail: string; reference: string },
): Promise<boolean> {
  const { tx, row } = unit
  const { railAccount, asset, amount } = row
  const parts = await listParts(tx, row.id)
  const known = await findReversal(tx, { rail, railAccount, providerId: entryProviderId(parts, reference, parts[0]) })
  if (known) return false
  const again = { ...unit, row: { ...row, rail } }
  await lockDebt(again, booksOf(again))
  await cancelOtherRefunds(again, parts)
  const noted = await insertProviderRefund(unit, { asset, amount, rail, railAccount, reference, parts })
  const there = await availableForRefund(again, booksOf(again))
  await debitParts({ ...again, row: noted }, parts, { reference, there, again: true })
  return true
}

async function cancelOtherRefunds(unit: RefundUnit, parts: readonly RefundPart[]): Promise<void> {
  for (const { receiptId, amount } of parts) {
    const left = await refundableAmount(unit.tx, await requireReceipt(unit.tx, receiptId), unit.intent)
    await cancelUncoveredRefunds(unit, receiptId, left - amount, unit.row.id)
  }
}

/** Releases this payment's pending settlement money, and returns the merchant's money for the refund: released plus available. */
async function availableForRefund(unit: RefundUnit, books: Books): Promise<bigint> {
  const { context, tx, row, intent, contended, transfers } = unit
  const available = availableOf(books)
  const [amount, source] = [row.amount - row.held, context.ids.next('rce')]
  transfers.push(
    ...(await releasePendingForRefund(context, tx, { intentId: intent.id, available, amount, cause: row.id, source })),
  )
  // If the refund had a hold, the balance row is locked by now.
  const changing = contended && row.held === 0n
  const balance = changing ? 0n : (await context.ledger.balance(tx, available.code, available.asset)).available
  const there = balance + planned(unit, available)
  return there > 0n ? there : 0n
}

/** Returns the entry's provider id. A provider id has one entry, so several parts add their receipt id. */
const entryProviderId = (parts: readonly RefundPart[], reference: string, part: RefundPart | undefined): string =>
  parts.length > 1 ? `${reference}:${part?.receiptId ?? ''}` : reference

interface Taken {
  readonly reference: string | null
  /** Amount that the merchant's balance covers; the rest becomes debt. */
  readonly there: bigint
  /** The refund was sent before, so none of this money should have left. */
  readonly again?: boolean
}

async function debitParts(
  unit: RefundUnit,
  parts: readonly RefundPart[],
  { reference, there, again = false }: Taken,
): Promise<void> {
  let left = there
  for (const part of parts) {
    const providerId = entryProviderId(parts, reference ?? unit.row.id, part)
    await debitPart(unit, { part, there: left, providerId, again })
    left -= smaller(left, part.amount)
  }
}

async function debitPart(
  unit: RefundUnit,
  { part, there, providerId, again }: { part: RefundPart; there: bigint; providerId: string; again: boolean },
): Promise<void> {
  const { context, tx, row, now, intent, transfers } = unit
  const receipt = await requireReceipt(tx, part.receiptId)
  const books = booksOf(unit)
  const { rail, railAccount, asset } = books
  const { amount } = part
  const within = smaller(amount, await refundableAmount(tx, receipt, intent))
  const excess = amount - within
  const event = { source: context.ids.next('rce'), ref: receipt.id, kind: 'payments.refund' }
  const taken = debitTransfers(event, books, amount, there)
  const entry = { id: event.source, receiptId: receipt.id, rail, railAccount, kind: 'reversal' as const, asset, amount }
  const reason = `refund ${row.id}`
  await insertEntry(tx, { ...entry, excess, providerId, reason, transfers: taken.map(({ id }) => id) }, now)
  // Uncounted money does not reduce the counted amount.
  const counts = asset === intent.asset ? within : 0n
  await updateReceipt(tx, subtractReversal(receipt, { within: counts, refunded: counts, excess }), now)
  transfers.push(...taken)
  if (again || excess > 0n)
    await openExcessCase(unit, receipt, { subject: event.source, asset, ours: again ? 0n : within, theirs: amount })
}

/** Counts the money of a completed refund that was returned, up to the debited amount. */
export async function creditReturnedRefund(unit: RefundUnit): Promise<void> {
  const { tx, context, row, now, intent, contended, transfers } = unit
  const parts = await listParts(tx, row.id)
  for (const [i, part] of parts.entries()) {
    const receipt = await requireReceipt(tx, part.receiptId)
    const paid = await findAttempt(tx, receipt.attemptId)
    invariant(paid, 'a receipt has an attempt')
    // The money returns to the rail that sent it, which may differ from the rail that received the payment.
    const attempt = { ...paid, rail: row.rail ?? paid.rail, railAccount: row.railAccount }
    const seen = { late: false, receiptChanged: false, hasMoreParts: i < parts.length - 1 }
    const back: UnitOfWork = { tx, context, now, intent, attempt, contended, transfers, ...seen }
    const providerId = entryProviderId(parts, row.reference ?? row.id, part)
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

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b)
