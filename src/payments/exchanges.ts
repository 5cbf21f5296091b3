import type { Outcome } from './rail.ts'
import { partOf, type Exchange } from './exchange.ts'
import { insertExchange, listExchanges } from './exchange-store.ts'
import { exchangeBackTransfers, exchangeTransfers } from './postings.ts'
import { tellExcess } from './excess.ts'
import { updateReceipt, withGone, type ReceiptRow } from './receipt-store.ts'
import { noteRefundOf } from './refunds/provider.ts'
import { dropUnfit } from './refunds/unsent.ts'
import { addEntry, availableTo, booksOf, owedTo, type Work } from './work.ts'

/** Credits in the intent's asset what arrived in another: the desk keeps what arrived and owes what it counts for. */
export async function bookExchange(
  work: Work,
  row: ReceiptRow,
  { exchange, spread }: { exchange: Exchange; spread: bigint },
): Promise<void> {
  const { tx, core, intent, now } = work
  const { asset, gross, counted } = row
  const [from, to] = [booksOf(work, asset), booksOf(work, intent.asset)]
  const event = { source: row.id, ref: row.id, kind: 'payments.exchange' }
  const owed = await owedTo(work, to)
  const transfers = exchangeTransfers(event, from, to, { gross, spread, counted, owed })
  const ids = transfers.map(({ id }) => id)
  await addEntry(work, row, { kind: 'receipt', asset, amount: gross, transfers: ids })
  await insertExchange(
    tx,
    {
      id: core.ids.next('exc'),
      receiptId: row.id,
      kind: 'in',
      fromAsset: asset,
      gross,
      spread,
      toAsset: intent.asset,
      counted,
      excess: 0n,
      numerator: exchange.price.numerator,
      denominator: exchange.price.denominator,
      sources: exchange.sources,
      rateAt: exchange.at,
      transfers: ids,
    },
    now,
  )
  work.transfers.push(...transfers)
}

/** Undoes it at the same rate, for what is left of it. False when there is nothing to undo. */
export async function undoExchange(
  work: Work,
  known: ReceiptRow,
  outcome: Extract<Outcome, { kind: 'reversed' }>,
): Promise<boolean> {
  const { tx, core, intent, attempt, now } = work
  const rows = await listExchanges(tx, known.id)
  const original = rows.find(({ kind }) => kind === 'in')
  if (!original) return false
  const left = (of: 'gross' | 'spread' | 'counted'): bigint =>
    rows.reduce((sum, row) => (row.kind === 'in' ? sum : sum - row[of]), original[of])
  const gross = least(outcome.amount.amount, left('gross'))
  if (gross <= 0n) return true
  const all = gross === left('gross')
  const counted = all ? left('counted') : partOf(original.counted, gross, original.gross)
  const unreversed = known.counted - known.reversed
  const within = least(counted, unreversed)
  const excess = counted - within
  await dropUnfit(work, known.id, unreversed - within)
  const spread = all ? left('spread') : partOf(original.spread, gross, original.gross)
  const [from, to] = [booksOf(work, known.asset), booksOf(work, intent.asset)]
  const event = { source: core.ids.next('rce'), ref: known.id, kind: 'payments.reversal' }
  const available = await availableTo(work, to)
  const transfers = exchangeBackTransfers(event, from, to, { gross, spread, counted, available })
  const ids = transfers.map(({ id }) => id)
  await addEntry(work, known, {
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
    { ...original, id: core.ids.next('exc'), kind: 'back', gross, spread, counted, excess, transfers: ids },
    now,
  )
  if (outcome.refund && counted > 0n)
    await noteRefundOf(work, known, { amount: counted, reference: outcome.reversalId })
  await updateReceipt(tx, withGone(known, { within, refunded: outcome.refund ? within : 0n, excess }), now)
  work.transfers.push(...transfers)
  if (excess > 0n)
    await tellExcess(work, known, { subject: event.source, asset: intent.asset, ours: within, theirs: counted })
  tx.afterCommit(() => core.meters.payments.inc({ provider: attempt.rail, status: 'reversed' }))
  return true
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
