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

/** What was told of money at an address: kept as it is seen, counted once it is final, taken back when it goes. */
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

/** The row as it is after what was told. Undefined when it is another attempt's. */
async function saveDeposit(unit: UnitOfWork, receipt: RailReceipt): Promise<DepositRow | undefined> {
  const { tx, attempt, intent, now } = unit
  const { rail, railAccount } = attempt
  const known = await findDeposit(tx, { rail, railAccount, providerId: receipt.id })
  if (known && known.attemptId !== attempt.id) {
    unit.context.securityEvent('foreign-receipt', { rail, attemptId: attempt.id, paymentId: attempt.intentId })
    return undefined
  }
  // Counted and taken back, it comes again under another id; what is final stays so.
  if (known && (known.state === 'final' || (known.state === 'gone' && known.counted !== null))) return known
  const fresh: DepositRow = known ?? {
    rail,
    railAccount,
    providerId: receipt.id,
    attemptId: attempt.id,
    asset: receipt.gross.asset,
    gross: receipt.gross.amount,
    state: 'seen',
    late: isLate(intent, attempt.state, now),
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

/** The attempt's rate while it is locked, else the one of now; null where none is needed or can be had yet. */
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
    'no rate could be had for money that came after its rate was locked: counted at the rate that was promised',
  )
  return serializeExchange(exchangeAtPromisedRate(promised, gross.amount, id))
}

/**
 * A rate is kept for money that was seen in time for so long after its lock, or after the arrival that it is of. Without an end it would be an option:
 * a payer could send at no fee and have it mined, or not, once the price has moved.
 */
const RATE_HOLDS_MS = 6 * 60 * 60_000

/** What final money counts for, and at which rates. @returns the deposit with the rate that it counts by */
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

/** The whole of what a rate was worked out for. */
const toLeg = (exchange: Exchange): Leg => ({
  exchange,
  gross: exchange.asked,
  spread: exchange.spread,
  counted: exchange.priced,
})

/**
 * A rate was promised for what was asked: so much of all that comes at its quote, added up before it is rounded so that its parts make the whole, and
 * what a wallet may round. The rest counts by the rate of now.
 */
async function splitByLock(
  unit: UnitOfWork,
  { attemptId, asset, gross }: DepositRow,
  exchange: Exchange,
): Promise<Leg[]> {
  const { tx, context, attempt } = unit
  const { priced, asked, lockedUntil } = exchange
  // This one is among the final ones already.
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

/** Undefined when there is none: then what was promised stands, and somebody is told. */
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
      'no rate could be had for money beyond what was promised a rate: counted at the rate that was promised',
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
  // Nothing was posted for it.
  if (row.state === 'seen') return { event: undefined }
  context.log.error(
    {
      alert: `${rail}-reversed`,
      paymentId: attempt.intentId,
      attemptId: attempt.id,
      receipt: row.providerId,
      why: outcome.reason,
    },
    'final money was taken back',
  )
  await unit.context.cases.open(tx, toReorgCase(unit, row))
  const counted = await reverseReceipt(unit, { ...outcome, amount: money(row.asset, row.gross) })
  return typeof counted === 'string' ? { event: 'reversed' } : { event: 'reversed', refused: counted.refused }
}

/** A person is told, and says that it was seen to; it ends by itself when a comparison finds the money in the chain again. */
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
