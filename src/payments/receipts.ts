import type { Transfer } from '#ledger'
import { money, type Money } from '#money'
import type { RailReceipt, Outcome } from '#rails/contract'
import { securityEvent } from './core.ts'
import { bookExchange, undoExchange, type Leg } from './exchanges.ts'
import { tellExcess } from './excess.ts'
import { availableOf, creditTransfers, debtOf, feeTransfers } from './postings.ts'
import {
  findByNumber,
  findReceipt,
  findReceiptById,
  findReversal,
  hasFee,
  insertReceipt,
  leftOf,
  listReceipts,
  lockAccount,
  sumArrived,
  updateReceipt,
  withGone,
  type ReceiptRow,
  type Reversal,
} from './receipt-store.ts'
import { isLate } from './state.ts'
import { noteRefundOf } from './refunds/provider.ts'
import { dropUnfit } from './refunds/unsent.ts'
import { holdAgain, RETURNED } from './settlements/holding.ts'
import { addEntry, booksOf, owedTo, planned, takeOut, type Work } from './work.ts'

/** `refused`: says why; nothing was credited. */
export type Counted = 'counted' | 'known' | { readonly refused: string }

/** What money at an address is worth, decided when it came. */
export interface Worth {
  /** In the intent's asset. */
  readonly counted: bigint
  readonly late: boolean
  /** When it came in another asset than the intent's: at which rates, part by part. */
  readonly legs: readonly Leg[]
}

/**
 * Counts one arrival of money: once, however often and by whatever way it is told. What a later telling adds (the number that people see,
 * the amount in the provider's own words) is merged into the receipt that is there.
 */
export async function countReceipt(work: Work, told: RailReceipt, worth?: Worth): Promise<Counted> {
  const { tx, intent, attempt, core, now } = work
  if (told.gross.amount <= 0n) return refuse(work, 'amount-not-positive')
  const given = await withinReversal(work, told)
  if (!given) return { refused: NOTHING_TO_GIVE_BACK }
  // What came back of what had gone beyond the receipt counts for nothing: its payer has it.
  const { filled, short } = given
  const known = await findKnown(work, given)
  if (known) return mergeReceipt(work, known, given)
  const row: ReceiptRow = {
    id: core.ids.next('rcp'),
    rail: attempt.rail,
    railAccount: attempt.railAccount,
    providerId: given.id,
    attemptId: attempt.id,
    intentId: intent.id,
    asset: given.gross.asset,
    gross: given.gross.amount,
    ...feeOf(given),
    takenAt: given.at,
    late: worth?.late ?? isLate(intent, attempt.state, now),
    number: given.number ?? null,
    stated: given.stated,
    counted: worth?.counted ?? (given.gross.asset === intent.asset ? given.gross.amount - filled : 0n),
    reversed: 0n,
    refunded: 0n,
    excess: 0n,
    returns: given.returns ?? null,
  }
  if (!(await insertReceipt(tx, row, now))) return refuse(work, 'foreign-receipt')
  const legs = worth?.legs ?? []
  if (row.asset !== intent.asset && legs.length === 0) {
    core.log.error(
      { receiptId: row.id, paymentId: intent.id, asset: row.asset },
      'money came in another asset: credited, not counted',
    )
  }
  if (legs.length > 0) await bookExchange(work, row, legs)
  else await creditReceipt(work, row, given)
  if (short && filled > 0n) await updateReceipt(tx, { ...short, excess: short.excess - filled }, now)
  work.late ||= row.late
  return 'counted'
}

const feeOf = ({ fee }: RailReceipt): Pick<ReceiptRow, 'feeAsset' | 'fee'> =>
  fee && fee.amount > 0n ? { feeAsset: fee.asset, fee: fee.amount } : { feeAsset: null, fee: null }

/** Events come in any order: the reversal may be told after the money that gives it back. */
export const NOTHING_TO_GIVE_BACK = 'nothing-to-give-back'

/** Money that gives a reversal back, as far as the reversal took it; undefined when it has taken nothing. */
async function withinReversal({ tx, attempt, intent }: Work, given: RailReceipt): Promise<Given | undefined> {
  if (given.returns === undefined) return { ...given, filled: 0n, short: undefined, taken: undefined }
  const { rail, railAccount } = attempt
  const taken = await findReversal(tx, { rail, railAccount, providerId: given.returns })
  if (taken?.attemptId !== attempt.id || taken.asset !== given.gross.asset) return undefined
  const gross = money(taken.asset, least(given.gross.amount, taken.amount))
  const short = taken.asset === intent.asset ? await findReceiptById(tx, taken.receiptId) : undefined
  return { ...given, gross, filled: least(gross.amount, short?.excess ?? 0n), short, taken }
}

/** With the receipt of which more went back than came, and how much of that this gives back. */
interface Given extends RailReceipt {
  readonly filled: bigint
  readonly short: ReceiptRow | undefined
  /** The reversal that it gives back. */
  readonly taken: Reversal | undefined
}

async function findKnown({ tx, attempt }: Work, given: RailReceipt): Promise<ReceiptRow | undefined> {
  const { rail, railAccount } = attempt
  const known = await findReceipt(tx, { rail, railAccount, providerId: given.id })
  if (known) return known
  // The same number is the same money, whatever id it came under.
  if (given.number !== undefined) return findByNumber(tx, { rail, railAccount, number: given.number })
  if (given.stated) return undefined
  // An answer that names neither amount nor number is about the one payment of the attempt: one that is known by its number already.
  return (await listReceipts(tx, attempt.intentId)).find(({ attemptId }) => attemptId === attempt.id)
}

async function creditReceipt(work: Work, row: ReceiptRow, { gross, fee, filled, taken }: Given): Promise<void> {
  const books = booksOf(work, gross.asset)
  const event = { source: row.id, ref: row.id, kind: taken ? RETURNED : 'payments.receipt' }
  // Before what is held back is locked, as everywhere.
  if (taken) await lockAccount(work.tx, `${debtOf(books).code} ${books.asset}`)
  const credits = creditTransfers(event, books, gross.amount, await owedTo(work, books))
  await addEntry(work, row, {
    kind: 'receipt',
    asset: gross.asset,
    amount: gross.amount,
    excess: filled,
    transfers: credits.map(({ id }) => id),
  })
  work.transfers.push(...credits)
  if (taken) await holdBackAgain(work, row, taken, credits)
  if (fee) await bookFee(work, row, fee)
}

/** What was freed for the reversal is held back again, as far as it did not repay a debt. */
async function holdBackAgain(
  work: Work,
  row: ReceiptRow,
  taken: Reversal,
  credits: readonly Transfer[],
): Promise<void> {
  const { core, tx, transfers } = work
  const available = availableOf(booksOf(work, row.asset))
  const causes = [...taken.transfers, ...(taken.refundId === null ? [] : [taken.refundId])]
  const amount = planned({ transfers: [...credits] }, available)
  transfers.push(
    ...(await holdAgain(core, tx, { causes, available, amount, source: row.id, ref: row.id, goesOn: work.goesOn })),
  )
}

async function bookFee(work: Work, row: ReceiptRow, fee: Money): Promise<void> {
  if (fee.amount <= 0n) return
  const event = { source: row.id, ref: row.id, kind: 'payments.fee' }
  const fees = feeTransfers(event, booksOf(work, fee.asset), fee)
  await addEntry(work, row, { kind: 'fee', asset: fee.asset, amount: fee.amount, transfers: fees.map(({ id }) => id) })
  work.transfers.push(...fees)
}

async function mergeReceipt(work: Work, known: ReceiptRow, given: RailReceipt): Promise<Counted> {
  if (known.attemptId !== work.attempt.id) return refuse(work, 'foreign-receipt')
  const { gross } = given
  const believed = await believedOf(work, known, given)
  const differs = given.stated && (gross.asset !== known.asset || gross.amount !== believed)
  if (differs && (known.stated || known.asset !== work.intent.asset || gross.asset !== known.asset)) {
    return refuse(work, 'amount-conflict')
  }
  // The fee may come after the money; of two fees the first stands.
  if (given.fee && !(await hasFee(work.tx, known.id))) await bookFee(work, known, given.fee)
  const number = known.number ?? (await freeNumber(work, known, given))
  const corrected = differs ? await correctReceipt(work, known, gross.amount - believed) : known
  const stated = known.stated || given.stated
  if (number === known.number && stated === known.stated) return 'known'
  await updateReceipt(work.tx, { ...corrected, number, stated }, work.now)
  work.receiptChanged ||= number !== known.number
  return 'known'
}

/**
 * How much of it came, in its own asset, as it was told so far. A receipt in another asset than the intent's counts for nothing, so its gross stands
 * for what was counted; one of which more went back than came counts more than came.
 */
async function believedOf({ tx, intent }: Work, known: ReceiptRow, { gross, stated }: RailReceipt): Promise<bigint> {
  const believed = known.asset === intent.asset ? known.counted : known.gross
  return stated && gross.amount !== believed ? sumArrived(tx, known.id) : believed
}

/** The number, unless another receipt has it. */
async function freeNumber(work: Work, known: ReceiptRow, { number }: RailReceipt): Promise<string | null> {
  if (number === undefined) return null
  const holder = await findByNumber(work.tx, { ...known, number })
  if (!holder || holder.id === known.id) return number
  refuse(work, 'number-of-another-receipt')
  return null
}

/** What was counted by the attempt's amount turns out to be another amount in the provider's own words. @returns the receipt as it is now */
async function correctReceipt(work: Work, known: ReceiptRow, difference: bigint): Promise<ReceiptRow> {
  const { core } = work
  const books = booksOf(work, known.asset)
  const event = { source: core.ids.next('rce'), ref: known.id, kind: 'payments.correction' }
  if (difference > 0n) {
    const transfers = creditTransfers(event, books, difference, await owedTo(work, books))
    await addEntry(work, known, {
      id: event.source,
      kind: 'raise',
      asset: known.asset,
      amount: difference,
      transfers: transfers.map(({ id }) => id),
    })
    work.transfers.push(...transfers)
    work.late ||= known.late
    return { ...known, counted: known.counted + difference }
  }
  const amount = -difference
  const left = known.counted - known.reversed
  const within = least(amount, left)
  const excess = amount - within
  await dropUnfit(work, known.id, left - within)
  const transfers = await takeOut(work, event, books, amount)
  await addEntry(work, known, {
    id: event.source,
    kind: 'lower',
    asset: known.asset,
    amount,
    excess,
    transfers: transfers.map(({ id }) => id),
  })
  work.transfers.push(...transfers)
  if (excess > 0n)
    await tellExcess(work, known, { subject: event.source, asset: known.asset, ours: within, theirs: amount })
  return { ...known, counted: known.counted - within, excess: known.excess + excess }
}

/**
 * Takes back what the provider took back, all of it: from what is available, the rest becomes the merchant's debt. More than is left of the receipt
 * (what a refund gave back is disputed) counts for nothing, and a person is told.
 */
export async function reverseReceipt(work: Work, outcome: Extract<Outcome, { kind: 'reversed' }>): Promise<Counted> {
  const { tx, attempt, core, intent, now } = work
  const { rail, railAccount } = attempt
  const known = await findReceipt(tx, { rail, railAccount, providerId: outcome.receiptId })
  if (!known || known.attemptId !== attempt.id) return refuse(work, 'foreign-receipt')
  if (await findReversal(tx, { rail, railAccount, providerId: outcome.reversalId })) return 'known'
  if (outcome.amount.asset !== known.asset) return refuse(work, 'reversal-in-another-asset')
  if (known.asset !== intent.asset && (await undoExchange(work, known, outcome))) return 'counted'
  const { amount } = outcome.amount
  if (amount <= 0n) return 'known'
  const left = await leftOf(tx, known, intent)
  const within = least(amount, left)
  const excess = amount - within
  await dropUnfit(work, known.id, left - within)
  const books = booksOf(work, known.asset)
  const event = { source: core.ids.next('rce'), ref: known.id, kind: 'payments.reversal' }
  const transfers = await takeOut(work, event, books, amount)
  await addEntry(work, known, {
    id: event.source,
    kind: 'reversal',
    asset: known.asset,
    amount,
    excess,
    providerId: outcome.reversalId,
    reason: outcome.reason.slice(0, 200),
    transfers: transfers.map(({ id }) => id),
  })
  if (outcome.refund) await noteRefundOf(work, known, { asset: known.asset, amount, reference: outcome.reversalId })
  // What counts for nothing is not taken back of what counts.
  const counts = known.asset === intent.asset ? within : 0n
  await updateReceipt(tx, withGone(known, { within: counts, refunded: outcome.refund ? counts : 0n, excess }), now)
  work.transfers.push(...transfers)
  if (excess > 0n)
    await tellExcess(work, known, { subject: event.source, asset: known.asset, ours: within, theirs: amount })
  tx.afterCommit(() => core.meters.payments.inc({ provider: rail, status: 'reversed' }))
  return 'counted'
}

function refuse({ core, attempt }: Work, why: string): Counted {
  securityEvent(core, why, { rail: attempt.rail, attemptId: attempt.id, paymentId: attempt.intentId })
  return { refused: why }
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
