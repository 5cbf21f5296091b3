import type { NewCase } from '#cases'
import { money } from '#money'
import { addMs, dateOf } from '#platform/base/clock'
import type { Outcome, RailReceipt } from '#rails/contract'
import { railOf } from '../context.ts'
import { exchangeAtCurrentRate, exchangeAtPromisedRate, isLocked, proportionOf } from '../exchange/exchange.ts'
import type { Exchange } from '../exchange/types.ts'
import { isLate } from '../intents/state.ts'
import type { Leg } from '../receipts/exchanged.ts'
import { countReceipt, reverseReceipt, type DepositValue } from '../receipts/receipts.ts'
import { markIndexUsed } from '../store/addresses.ts'
import { type DepositRow, findDeposit, sumDeposits, upsertDeposit } from '../store/deposits.ts'
import { parseExchange, serializeExchange } from '../store/stored-exchange.ts'
import type { MoveResult, UnitOfWork } from '../unit-of-work.ts'

type Observation = Extract<Outcome, { kind: 'received' | 'reversed' }>

/**
 * Applies reported deposits of an address. Records them when seen, counts them when final, and reverses them when the
 * chain drops them.
 */
export async function applyDeposits(unit: UnitOfWork, outcome: Observation): Promise<MoveResult> {
  const { tx, attempt } = unit
  const moved =
    outcome.kind === 'received' ? await recordDeposits(unit, outcome.receipts) : await reverseDeposit(unit, outcome)
  const { unconfirmed } = await sumDeposits(tx, attempt.id, null)
  return { ...moved, unconfirmed }
}

type DepositResult = Omit<MoveResult, 'unconfirmed'>

async function recordDeposits(unit: UnitOfWork, receipts: readonly RailReceipt[]): Promise<DepositResult> {
  let moved: DepositResult = { event: undefined }
  for (const receipt of receipts) {
    const row = await saveDeposit(unit, receipt)
    if (!row) {
      moved = { ...moved, refused: 'foreign-receipt' }
      continue
    }
    if (row.state !== 'final') {
      moved = { ...moved, event: moved.event ?? 'pending' }
      continue
    }
    const { row: rated, value } = await valueDeposit(unit, row)
    const counted = await countReceipt(unit, receipt, value)
    if (typeof counted !== 'string') moved = { ...moved, refused: counted.refused }
    else {
      await upsertDeposit(unit.tx, { ...rated, counted: value.counted }, unit.now)
      moved = { ...moved, event: 'received' }
    }
  }
  return moved
}

/** Writes the deposit as reported now. Returns the row; undefined when the deposit belongs to another attempt. */
async function saveDeposit(unit: UnitOfWork, receipt: RailReceipt): Promise<DepositRow | undefined> {
  const { tx, attempt, intent, now } = unit
  const { rail, railAccount } = attempt
  const known = await findDeposit(tx, { rail, railAccount, providerId: receipt.id })
  if (known && known.attemptId !== attempt.id) {
    unit.context.securityEvent('foreign-receipt', { rail, attemptId: attempt.id, paymentId: attempt.intentId })
    return undefined
  }
  // A final deposit stays final. A counted deposit that was reversed returns under another id.
  if (known && (known.state === 'final' || (known.state === 'gone' && known.counted !== null))) return known
  const fresh: DepositRow = known ?? {
    rail,
    railAccount,
    providerId: receipt.id,
    attemptId: attempt.id,
    asset: receipt.gross.asset,
    gross: receipt.gross.amount,
    state: 'seen',
    late: isLate(intent, attempt, now),
    seenAt: receipt.at,
    have: null,
    need: null,
    risk: null,
    exchange: null,
    counted: null,
  }
  const row: DepositRow = {
    ...fresh,
    state: receipt.final ? 'final' : 'seen',
    have: receipt.confirmations?.have ?? null,
    need: receipt.confirmations?.need ?? null,
    risk: receipt.risk ?? null,
    exchange: fresh.exchange ?? (await rateOnArrival(unit, receipt)),
  }
  await upsertDeposit(tx, row, now)
  const { indexSpace: space, addressIndex: index } = attempt
  if (!known && space !== null && index !== null) await markIndexUsed(tx, { space, index })
  unit.receiptChanged = true
  return row
}

/**
 * Returns the attempt's rate while it is locked, otherwise the current rate. Null when no rate is needed or none is
 * available yet.
 */
async function rateOnArrival(unit: UnitOfWork, { gross, id, final }: RailReceipt): Promise<DepositRow['exchange']> {
  const { tx, context, attempt, intent, now } = unit
  const promised = attempt.exchange && parseExchange(attempt.exchange)
  if (!promised) return null
  if (isLocked(promised, now)) return attempt.exchange
  const current = await exchangeAtCurrentRate(context, tx, promised, gross, intent.asset)
  if (current) return serializeExchange(current)
  if (!final) return null
  context.log.error(
    { paymentId: intent.id, attemptId: attempt.id, receipt: id },
    'no rate available for a deposit after its lock expired: counted at the promised rate',
  )
  return serializeExchange(exchangeAtPromisedRate(promised, gross.amount, id))
}

/**
 * Time that a rate holds for an unconfirmed deposit: after the end of the lock, or after the arrival for a rate taken
 * then. Without a limit the rate is a free option: a payer could send with no fee and have the transaction mined only
 * if the price moves in the payer's favor.
 */
const RATE_HOLDS_MS = 6 * 60 * 60_000

/** Values a final deposit. @returns the deposit with the rate that it counts by, and its value in the intent's asset */
async function valueDeposit(unit: UnitOfWork, row: DepositRow): Promise<{ row: DepositRow; value: DepositValue }> {
  const { exchange: stored, gross, late } = row
  if (row.counted !== null || !stored) return { row, value: { counted: row.counted ?? gross, late, legs: [] } }
  const known = parseExchange(stored)
  const holds = unit.now < addMs(known.lockedUntil ?? row.seenAt, RATE_HOLDS_MS)
  const fresh = holds ? undefined : await quoteCurrentRate(unit, row, gross)
  const exchange = fresh ?? known
  const legs = fresh ? [toLeg(fresh)] : await splitByLock(unit, row, known)
  const counted = legs.reduce((sum, leg) => sum + leg.counted, 0n)
  return { row: { ...row, exchange: serializeExchange(exchange) }, value: { counted, late, legs } }
}

/** Converts an exchange of the full amount to one leg. */
const toLeg = (exchange: Exchange): Leg => ({
  exchange,
  gross: exchange.asked,
  spread: exchange.spread,
  counted: exchange.priced,
})

/**
 * Splits a deposit at the limit of its locked rate. The lock covers the requested amount plus the rail's tolerance,
 * over all deposits of the quote; the rest counts at the current rate. Rounds the running total instead of each
 * deposit, so that parts add up to the whole.
 */
async function splitByLock(
  unit: UnitOfWork,
  { attemptId, asset, gross }: DepositRow,
  exchange: Exchange,
): Promise<Leg[]> {
  const { tx, context, attempt } = unit
  const { priced, asked, lockedUntil } = exchange
  // The sum includes this deposit, which is stored as final already.
  const { gross: all } = await sumDeposits(tx, attemptId, exchange.quoteId)
  const most = asked + (railOf(context, attempt.rail)?.tolerance?.(money(asset, asked)) ?? 0n)
  const within = (sum: bigint): bigint => (lockedUntil !== null && sum > most ? most : sum)
  const [before, after] = [within(all - gross), within(all)]
  const part = after - before
  const counted = proportionOf(priced, after, asked) - proportionOf(priced, before, asked)
  const locked = { exchange, gross: part, spread: proportionOf(exchange.spread, part, asked), counted }
  if (part === gross) return [locked]
  const rest =
    (await quoteCurrentRate(unit, { attemptId, asset }, gross - part)) ??
    exchangeAtPromisedRate(exchange, gross - part, 'rest')
  return part > 0n ? [locked, toLeg(rest)] : [toLeg(rest)]
}

/**
 * Returns the current rate; undefined when there is none. The caller then uses the promised rate, and an error is
 * logged.
 */
async function quoteCurrentRate(
  { tx, context, intent, attempt }: UnitOfWork,
  { attemptId, asset }: Pick<DepositRow, 'attemptId' | 'asset'>,
  gross: bigint,
): Promise<Exchange | undefined> {
  const promised = attempt.exchange && parseExchange(attempt.exchange)
  const fresh = promised && (await exchangeAtCurrentRate(context, tx, promised, money(asset, gross), intent.asset))
  if (!fresh)
    context.log.error(
      { paymentId: intent.id, attemptId },
      'no rate available for money beyond the locked amount: counted at the promised rate',
    )
  return fresh ?? undefined
}

async function reverseDeposit(
  unit: UnitOfWork,
  outcome: Extract<Outcome, { kind: 'reversed' }>,
): Promise<DepositResult> {
  const { tx, attempt, context, now } = unit
  const { rail, railAccount } = attempt
  const row = await findDeposit(tx, { rail, railAccount, providerId: outcome.receiptId })
  if (!row || row.attemptId !== attempt.id) {
    context.securityEvent('foreign-receipt', { rail, attemptId: attempt.id, paymentId: attempt.intentId })
    return { event: undefined, refused: 'foreign-receipt' }
  }
  if (row.state === 'gone') return { event: undefined }
  await upsertDeposit(tx, { ...row, state: 'gone', have: 0 }, now)
  unit.receiptChanged = true
  // An unconfirmed deposit posted nothing.
  if (row.state === 'seen') return { event: undefined }
  context.log.error(
    {
      alert: `${rail}-reversed`,
      paymentId: attempt.intentId,
      attemptId: attempt.id,
      receipt: row.providerId,
      why: outcome.reason,
    },
    'a final deposit was removed by a reorg',
  )
  await unit.context.cases.open(tx, toReorgCase(unit, row))
  const counted = await reverseReceipt(unit, { ...outcome, amount: money(row.asset, row.gross) })
  return typeof counted === 'string' ? { event: 'reversed' } : { event: 'reversed', refused: counted.refused }
}

/**
 * Builds the case for a reorged deposit. An operator closes it, or a comparison repairs it when the money is in the chain
 * again.
 */
const toReorgCase = (
  { context, intent, now }: UnitOfWork,
  { rail, railAccount, providerId, asset, gross }: DepositRow,
): NewCase => ({
  rail,
  railAccount,
  day: dateOf(now, context.timeZone),
  kind: 'taken-back',
  subject: providerId,
  intentId: intent.id,
  merchantId: intent.merchantId,
  ours: money(asset, gross),
  movedAt: now,
})
