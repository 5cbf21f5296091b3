import { TRANSFER_RAIL } from '../methods/types.ts'
import type { Transfer } from '#ledger'
import { money, type Money } from '#money'
import type { Outcome, RailReceipt } from '#rails/contract'
import { isLate } from '../intents/state.ts'
import { availableOf, creditTransfers, debtOf, feeTransfers } from '../postings.ts'
import { cancelUncoveredRefunds } from '../reservations/cancel.ts'
import { recordProviderRefund } from '../reservations/provider.ts'
import { restoreHold, RETURNED } from '../settlements/holding.ts'
import {
  isCountedNumber,
  lockNumber,
  findByNumber,
  findReceipt,
  findReceiptById,
  findReversal,
  hasFee,
  insertReceipt,
  listReceipts,
  lockAccount,
  type ReceiptRow,
  refundableAmount,
  type Reversal,
  subtractReversal,
  sumArrived,
  updateReceipt,
} from '../store/receipts.ts'
import { addEntry, booksOf, debitForReversal, readDebt, planned, type UnitOfWork } from '../unit-of-work.ts'
import { openExcessCase } from './excess.ts'
import { bookExchange, type Leg, reverseExchange } from './exchanged.ts'

/** Result of counting or reversing. `known`: recorded before. `refused`: the reason; nothing was posted. */
export type CountResult = 'counted' | 'known' | { readonly refused: string }

/** Value of a deposit, decided when it arrived. */
export interface DepositValue {
  /** Amount in the intent's asset. */
  readonly counted: bigint
  readonly late: boolean
  /** Exchanges of a deposit in another asset, one for each rate. */
  readonly legs: readonly Leg[]
}

/**
 * Counts an arrival of money exactly once, however often and on whatever path it is reported. A later report merges its
 * additions into the receipt: the receipt number, or the amount stated by the provider.
 */
export async function countReceipt(
  unit: UnitOfWork,
  reported: RailReceipt,
  value?: DepositValue,
): Promise<CountResult> {
  const { tx, intent, attempt, context, now } = unit
  if (reported.gross.amount <= 0n) return refuse(unit, 'amount-not-positive')
  const resolved = await limitToReversal(unit, reported)
  if (!resolved) return { refused: NOTHING_TO_RETURN }
  // Money that only covers an earlier excess counts for nothing: the payer already received that excess.
  const { coversExcess, overReturned } = resolved
  const known = await findKnown(unit, resolved)
  if (known) return mergeReceipt(unit, known, resolved)
  const row: ReceiptRow = {
    id: context.ids.next('rcp'),
    rail: attempt.rail,
    railAccount: attempt.railAccount,
    providerId: resolved.id,
    attemptId: attempt.id,
    intentId: intent.id,
    asset: resolved.gross.asset,
    gross: resolved.gross.amount,
    ...feeOf(resolved),
    takenAt: resolved.at,
    late: value?.late ?? isLate(intent, attempt, now),
    number: resolved.number ?? null,
    stated: resolved.stated,
    counted: value?.counted ?? (resolved.gross.asset === intent.asset ? resolved.gross.amount - coversExcess : 0n),
    reversed: 0n,
    refunded: 0n,
    excess: 0n,
    returns: resolved.returns ?? null,
  }
  const refusal = await storeReceipt(unit, row)
  if (refusal !== undefined) return refuse(unit, refusal)
  const legs = value?.legs ?? []
  if (row.asset !== intent.asset && legs.length === 0) {
    context.log.error(
      { receiptId: row.id, paymentId: intent.id, asset: row.asset },
      'money arrived in another asset: credited, not counted',
    )
  }
  if (legs.length > 0) await bookExchange(unit, row, legs)
  else await creditReceipt(unit, row, resolved)
  if (overReturned && coversExcess > 0n)
    await updateReceipt(tx, { ...overReturned, excess: overReturned.excess - coversExcess }, now)
  unit.late ||= row.late
  return 'counted'
}

/** Stores a new receipt. Returns why not, when its number or its id belongs to another receipt. */
async function storeReceipt(unit: UnitOfWork, row: ReceiptRow): Promise<string | undefined> {
  if (row.number !== null && !(await claimNumber(unit, row.number))) return NUMBER_COUNTED
  return (await insertReceipt(unit.tx, row, unit.now)) ? undefined : 'foreign-receipt'
}

/** The money was counted before on another rail, under the same receipt number. */
export const NUMBER_COUNTED = 'number-counted-before'

/**
 * Returns whether this rail may count a receipt number. An operator confirms a manual M-Pesa payment by its number, and
 * the same payment is in the list of M-Pesa: it is counted once. Locks the number until the transaction ends.
 */
async function claimNumber({ tx, context, attempt }: UnitOfWork, number: string): Promise<boolean> {
  await lockNumber(tx, number)
  const rails = context.rails.map(({ name }) => name)
  const others = attempt.rail === TRANSFER_RAIL ? rails.filter((name) => name !== TRANSFER_RAIL) : [TRANSFER_RAIL]
  return !(await isCountedNumber(tx, others, number))
}

const feeOf = ({ fee }: RailReceipt): Pick<ReceiptRow, 'feeAsset' | 'fee'> =>
  fee && fee.amount > 0n ? { feeAsset: fee.asset, fee: fee.amount } : { feeAsset: null, fee: null }

/** Events arrive in any order: the money that undoes a reversal can be reported before the reversal. */
export const NOTHING_TO_RETURN = 'nothing-to-give-back'

/** Limits money that undoes a reversal to the reversed amount. Undefined when that reversal is not recorded. */
async function limitToReversal(
  { tx, attempt, intent }: UnitOfWork,
  resolved: RailReceipt,
): Promise<ResolvedReceipt | undefined> {
  if (resolved.returns === undefined)
    return { ...resolved, coversExcess: 0n, overReturned: undefined, reversal: undefined }
  const { rail, railAccount } = attempt
  const reversal = await findReversal(tx, { rail, railAccount, providerId: resolved.returns })
  if (reversal?.attemptId !== attempt.id || reversal.asset !== resolved.gross.asset) return undefined
  const gross = money(reversal.asset, least(resolved.gross.amount, reversal.amount))
  const overReturned = reversal.asset === intent.asset ? await findReceiptById(tx, reversal.receiptId) : undefined
  return { ...resolved, gross, coversExcess: least(gross.amount, overReturned?.excess ?? 0n), overReturned, reversal }
}

/** A reported receipt with the reversal that it undoes, if it undoes one. */
interface ResolvedReceipt extends RailReceipt {
  /** Part that covers an earlier excess. */ readonly coversExcess: bigint
  /** The receipt with that excess. */ readonly overReturned: ReceiptRow | undefined
  /** The reversal that this money undoes. */
  readonly reversal: Reversal | undefined
}

async function findKnown({ tx, attempt }: UnitOfWork, resolved: RailReceipt): Promise<ReceiptRow | undefined> {
  const { rail, railAccount } = attempt
  const known = await findReceipt(tx, { rail, railAccount, providerId: resolved.id })
  if (known) return known
  // The same receipt number means the same money, even under another provider id.
  if (resolved.number !== undefined) return findByNumber(tx, { rail, railAccount, number: resolved.number })
  if (resolved.stated) return undefined
  // An answer without amount and number is about the attempt's only payment, which may be recorded by its number
  // already.
  return (await listReceipts(tx, attempt.intentId)).find(({ attemptId }) => attemptId === attempt.id)
}

async function creditReceipt(
  unit: UnitOfWork,
  row: ReceiptRow,
  { gross, fee, coversExcess, reversal }: ResolvedReceipt,
): Promise<void> {
  const books = booksOf(unit, gross.asset)
  const event = { source: row.id, ref: row.id, kind: reversal ? RETURNED : 'payments.receipt' }
  // Lock order: the debt before the settlements.
  if (reversal) await lockAccount(unit.tx, `${debtOf(books).code} ${books.asset}`)
  const credits = creditTransfers(event, books, gross.amount, await readDebt(unit, books))
  await addEntry(unit, row, {
    kind: 'receipt',
    asset: gross.asset,
    amount: gross.amount,
    excess: coversExcess,
    transfers: credits.map(({ id }) => id),
  })
  unit.transfers.push(...credits)
  if (reversal) await restoreReleasedHold(unit, row, reversal, credits)
  if (fee) await bookFee(unit, row, fee)
}

/** Restores the settlement hold that the reversal released, except the part that repaid a debt. */
async function restoreReleasedHold(
  unit: UnitOfWork,
  row: ReceiptRow,
  reversal: Reversal,
  credits: readonly Transfer[],
): Promise<void> {
  const { context, tx, transfers } = unit
  const available = availableOf(booksOf(unit, row.asset))
  const causes = [...reversal.transfers, ...(reversal.refundId === null ? [] : [reversal.refundId])]
  const amount = planned({ transfers: [...credits] }, available)
  transfers.push(
    ...(await restoreHold(context, tx, {
      causes,
      available,
      amount,
      source: row.id,
      ref: row.id,
      hasMoreParts: unit.hasMoreParts,
    })),
  )
}

async function bookFee(unit: UnitOfWork, row: ReceiptRow, fee: Money): Promise<void> {
  if (fee.amount <= 0n) return
  const event = { source: row.id, ref: row.id, kind: 'payments.fee' }
  const fees = feeTransfers(event, booksOf(unit, fee.asset), fee)
  await addEntry(unit, row, { kind: 'fee', asset: fee.asset, amount: fee.amount, transfers: fees.map(({ id }) => id) })
  unit.transfers.push(...fees)
}

async function mergeReceipt(unit: UnitOfWork, known: ReceiptRow, resolved: RailReceipt): Promise<CountResult> {
  if (known.attemptId !== unit.attempt.id) return refuse(unit, 'foreign-receipt')
  const { gross } = resolved
  const believed = await amountBelieved(unit, known, resolved)
  const differs = resolved.stated && (gross.asset !== known.asset || gross.amount !== believed)
  if (differs && (known.stated || known.asset !== unit.intent.asset || gross.asset !== known.asset)) {
    return refuse(unit, 'amount-conflict')
  }
  // The fee can be reported after the money. The first reported fee is kept.
  if (resolved.fee && !(await hasFee(unit.tx, known.id))) await bookFee(unit, known, resolved.fee)
  const number = known.number ?? (await unusedNumber(unit, known, resolved))
  const corrected = differs ? await correctReceipt(unit, known, gross.amount - believed) : known
  const stated = known.stated || resolved.stated
  if (number === known.number && stated === known.stated) return 'known'
  await updateReceipt(unit.tx, { ...corrected, number, stated }, unit.now)
  unit.receiptChanged ||= number !== known.number
  return 'known'
}

/**
 * Returns the amount recorded for a receipt, in its own asset. A receipt in another asset than the intent's has counted
 * = 0, so its gross is used. With an excess, `counted` is above the amount that arrived, so the entries are summed.
 */
async function amountBelieved(
  { tx, intent }: UnitOfWork,
  known: ReceiptRow,
  { gross, stated }: RailReceipt,
): Promise<bigint> {
  const believed = known.asset === intent.asset ? known.counted : known.gross
  return stated && gross.amount !== believed ? sumArrived(tx, known.id) : believed
}

/** Returns the reported number; null when another receipt has it. */
async function unusedNumber(unit: UnitOfWork, known: ReceiptRow, { number }: RailReceipt): Promise<string | null> {
  if (number === undefined) return null
  const holder = await findByNumber(unit.tx, { ...known, number })
  if ((!holder || holder.id === known.id) && (await claimNumber(unit, number))) return number
  refuse(unit, 'number-of-another-receipt')
  return null
}

/**
 * Corrects a receipt that was counted at the attempt's amount to the amount stated by the provider. @returns the
 * corrected receipt
 */
async function correctReceipt(unit: UnitOfWork, known: ReceiptRow, difference: bigint): Promise<ReceiptRow> {
  const { context } = unit
  const books = booksOf(unit, known.asset)
  const event = { source: context.ids.next('rce'), ref: known.id, kind: 'payments.correction' }
  if (difference > 0n) {
    const transfers = creditTransfers(event, books, difference, await readDebt(unit, books))
    await addEntry(unit, known, {
      id: event.source,
      kind: 'raise',
      asset: known.asset,
      amount: difference,
      transfers: transfers.map(({ id }) => id),
    })
    unit.transfers.push(...transfers)
    unit.late ||= known.late
    return { ...known, counted: known.counted + difference }
  }
  const amount = -difference
  const left = known.counted - known.reversed
  const within = least(amount, left)
  const excess = amount - within
  await cancelUncoveredRefunds(unit, known.id, left - within)
  const transfers = await debitForReversal(unit, event, books, amount)
  await addEntry(unit, known, {
    id: event.source,
    kind: 'lower',
    asset: known.asset,
    amount,
    excess,
    transfers: transfers.map(({ id }) => id),
  })
  unit.transfers.push(...transfers)
  if (excess > 0n)
    await openExcessCase(unit, known, { subject: event.source, asset: known.asset, ours: within, theirs: amount })
  return { ...known, counted: known.counted - within, excess: known.excess + excess }
}

/**
 * Records a reversal by the provider in full. Debits the available balance; the rest becomes the merchant's debt. The
 * part beyond the receipt (a dispute of refunded money) counts for nothing and opens a case.
 */
export async function reverseReceipt(
  unit: UnitOfWork,
  outcome: Extract<Outcome, { kind: 'reversed' }>,
): Promise<CountResult> {
  const { tx, attempt, context, intent, now } = unit
  const { rail, railAccount } = attempt
  const known = await findReceipt(tx, { rail, railAccount, providerId: outcome.receiptId })
  if (!known || known.attemptId !== attempt.id) return refuse(unit, 'foreign-receipt')
  if (await findReversal(tx, { rail, railAccount, providerId: outcome.reversalId })) return 'known'
  if (outcome.amount.asset !== known.asset) return refuse(unit, 'reversal-in-another-asset')
  if (known.asset !== intent.asset && (await reverseExchange(unit, known, outcome))) return 'counted'
  const { amount } = outcome.amount
  if (amount <= 0n) return 'known'
  const left = await refundableAmount(tx, known, intent)
  const within = least(amount, left)
  const excess = amount - within
  await cancelUncoveredRefunds(unit, known.id, left - within)
  const books = booksOf(unit, known.asset)
  const event = { source: context.ids.next('rce'), ref: known.id, kind: 'payments.reversal' }
  const transfers = await debitForReversal(unit, event, books, amount)
  await addEntry(unit, known, {
    id: event.source,
    kind: 'reversal',
    asset: known.asset,
    amount,
    excess,
    providerId: outcome.reversalId,
    reason: outcome.reason.slice(0, 200),
    transfers: transfers.map(({ id }) => id),
  })
  if (outcome.refund)
    await recordProviderRefund(unit, known, { asset: known.asset, amount, reference: outcome.reversalId })
  // A receipt that counts for nothing has nothing to subtract.
  const counts = known.asset === intent.asset ? within : 0n
  await updateReceipt(
    tx,
    subtractReversal(known, { within: counts, refunded: outcome.refund ? counts : 0n, excess }),
    now,
  )
  unit.transfers.push(...transfers)
  if (excess > 0n)
    await openExcessCase(unit, known, { subject: event.source, asset: known.asset, ours: within, theirs: amount })
  tx.afterCommit(() => context.meters.payments.inc({ provider: rail, status: 'reversed' }))
  return 'counted'
}

function refuse({ context, attempt }: UnitOfWork, why: string): CountResult {
  context.securityEvent(why, { rail: attempt.rail, attemptId: attempt.id, paymentId: attempt.intentId })
  return { refused: why }
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
