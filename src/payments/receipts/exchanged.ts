import type { Outcome } from '#rails/contract'
import { proportionOf } from '../exchange/exchange.ts'
import type { Exchange } from '../exchange/types.ts'
import { exchangeBackTransfers, exchangeTransfers } from '../postings.ts'
import { cancelUncoveredRefunds } from '../reservations/cancel.ts'
import { recordProviderRefund } from '../reservations/provider.ts'
import { insertExchange, listExchanges } from '../store/exchanges.ts'
import { type ReceiptRow, subtractReversal, updateReceipt } from '../store/receipts.ts'
import { addEntry, readAvailable, booksOf, readDebt, type UnitOfWork } from '../unit-of-work.ts'
import { openExcessCase } from './excess.ts'

/** Part of a receipt, exchanged at one rate. */
export interface Leg {
  readonly exchange: Exchange
  /** Amount in the asset that arrived. */
  readonly gross: bigint
  /** Part of `gross` that the operator keeps. */
  readonly spread: bigint
  /** Amount credited, in the intent's asset. */
  readonly counted: bigint
}

/**
 * Books a receipt in another asset: the desk keeps the asset that arrived and credits its value in the intent's asset.
 */
export async function bookExchange(unit: UnitOfWork, row: ReceiptRow, legs: readonly Leg[]): Promise<void> {
  const { tx, context, intent, now } = unit
  const { asset, gross, counted } = row
  const [from, to] = [booksOf(unit, asset), booksOf(unit, intent.asset)]
  const event = { source: row.id, ref: row.id, kind: 'payments.exchange' }
  const owed = await readDebt(unit, to)
  const transfers = exchangeTransfers(event, from, to, { gross, spread: sumOf(legs, 'spread'), counted, owed })
  const ids = transfers.map(({ id }) => id)
  await addEntry(unit, row, { kind: 'receipt', asset, amount: gross, transfers: ids })
  for (const leg of legs)
    await insertExchange(
      tx,
      {
        id: context.ids.next('exc'),
        receiptId: row.id,
        kind: 'in',
        fromAsset: asset,
        gross: leg.gross,
        spread: leg.spread,
        toAsset: intent.asset,
        counted: leg.counted,
        excess: 0n,
        numerator: leg.exchange.price.numerator,
        denominator: leg.exchange.price.denominator,
        sources: leg.exchange.sources,
        rateAt: leg.exchange.at,
        transfers: ids,
      },
      now,
    )
  unit.transfers.push(...transfers)
}

const sumOf = (all: readonly Pick<Leg, 'gross' | 'spread' | 'counted'>[], of: 'gross' | 'spread' | 'counted'): bigint =>
  all.reduce((sum, each) => sum + each[of], 0n)

/**
 * Reverses an exchange at its original rates, up to the part not reversed yet. Returns false when the receipt was not
 * exchanged.
 */
export async function reverseExchange(
  unit: UnitOfWork,
  known: ReceiptRow,
  outcome: Extract<Outcome, { kind: 'reversed' }>,
): Promise<boolean> {
  const { tx, context, intent, attempt, now } = unit
  const rows = await listExchanges(tx, known.id)
  const { in: legs = [], back = [] } = Object.groupBy(rows, ({ kind }) => kind)
  const [first] = legs
  if (!first) return false
  // A reversal spreads over all legs in proportion.
  const [gave, counts, kept] = [sumOf(legs, 'gross'), sumOf(legs, 'counted'), sumOf(legs, 'spread')]
  const left = (of: 'gross' | 'spread' | 'counted'): bigint => sumOf(legs, of) - sumOf(back, of)
  const gross = least(outcome.amount.amount, left('gross'))
  if (gross <= 0n) return true
  const all = gross === left('gross')
  const counted = all ? left('counted') : proportionOf(counts, gross, gave)
  const unreversed = known.counted - known.reversed
  const within = least(counted, unreversed)
  const excess = counted - within
  await cancelUncoveredRefunds(unit, known.id, unreversed - within)
  const spread = all ? left('spread') : proportionOf(kept, gross, gave)
  const [from, to] = [booksOf(unit, known.asset), booksOf(unit, intent.asset)]
  const event = { source: context.ids.next('rce'), ref: known.id, kind: 'payments.reversal' }
  const available = await readAvailable(unit, to)
  const transfers = exchangeBackTransfers(event, from, to, { gross, spread, counted, available })
  const ids = transfers.map(({ id }) => id)
  await addEntry(unit, known, {
    id: event.source,
    kind: 'reversal',
    asset: known.asset,
    amount: gross,
    providerId: outcome.reversalId,
    reason: outcome.reason.slice(0, 200),
    transfers: ids,
  })
  await insertExchange(
    tx,
    { ...first, id: context.ids.next('exc'), kind: 'back', gross, spread, counted, excess, transfers: ids },
    now,
  )
  if (outcome.refund && counted > 0n)
    await recordProviderRefund(unit, known, { asset: intent.asset, amount: counted, reference: outcome.reversalId })
  await updateReceipt(tx, subtractReversal(known, { within, refunded: outcome.refund ? within : 0n, excess }), now)
  unit.transfers.push(...transfers)
  if (excess > 0n)
    await openExcessCase(unit, known, { subject: event.source, asset: intent.asset, ours: within, theirs: counted })
  tx.afterCommit(() => context.meters.payments.inc({ provider: attempt.rail, status: 'reversed' }))
  return true
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
