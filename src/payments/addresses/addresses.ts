import { money, type Money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import type { Collect, Rail } from '#rails/contract'
import type { Context } from '../context.ts'
import { quoteExchange, isLocked, proportionOf } from '../exchange/exchange.ts'
import { assetFor } from '../exchange/prices.ts'
import type { Exchange } from '../exchange/types.ts'
import { refreshIntent } from '../intents/refresh.ts'
import { isLive } from '../intents/state.ts'
import { largest, merchantTolerance } from '../intents/tolerance.ts'
import { releaseIndex, allocateIndex } from '../store/addresses.ts'
import { type AttemptRow, updateAttempt } from '../store/attempts.ts'
import { type DepositSums, listDeposits, sumDeposits } from '../store/deposits.ts'
import type { IntentRow } from '../store/intents.ts'
import { parseExchange, serializeExchange } from '../store/stored-exchange.ts'

export type Collector = Rail & { readonly collect: Collect }

/** Time that an address stays watched after the intent ends, or after its last deposit. */
export const WATCH_FOR_MS = 24 * 60 * 60_000
/** Gap limit: a wallet restored from a key scans no further than this many unused addresses. */
const GAP = 20

/** Amount requested from the payer, in the attempt's asset. */
export interface RequestedAmount {
  readonly amount: Money
  readonly exchange: Exchange | undefined
  /** Tolerance in minor units of the intent's asset. */
  readonly tolerance: bigint
}

/**
 * Returns the amount to request for `due`, in the rail's asset. Locks a rate when that differs from the intent's asset.
 * Throws 503 `rates.unavailable`.
 */
export async function quoteRequestedAmount(context: Context, tx: Tx, rail: Rail, due: Money): Promise<RequestedAmount> {
  const asset = assetFor(rail, due.asset) ?? due.asset
  if (asset === due.asset) return { amount: due, exchange: undefined, tolerance: rail.tolerance?.(due) ?? 0n }
  const exchange = await quoteExchange(context, tx, due, asset)
  const amount = money(asset, exchange.asked)
  const tolerance = proportionOf(exchange.priced, rail.tolerance?.(amount) ?? 0n, exchange.asked)
  return { amount, exchange, tolerance }
}

/** Returns whether a new request reuses this attempt: an intent has one address for each key of a rail. */
export const isReusable = (attempt: AttemptRow, rail: Collector): boolean =>
  rail.collect.kind === 'address' &&
  attempt.rail === rail.name &&
  attempt.indexSpace === rail.collect.indexSpace?.() &&
  (isLive(attempt.state) || (attempt.state === 'settled' && attempt.address !== null))

/**
 * Allocates an address index for a new attempt. Returns the columns of the attempt; all null when the rail does not use
 * addresses.
 */
export async function allocateAddress(
  tx: Tx,
  context: Context,
  rail: Collector,
  { intent, now }: { intent: IntentRow; now: Date },
): Promise<Pick<AttemptRow, 'indexSpace' | 'addressIndex' | 'watchUntil'>> {
  const space = rail.collect.indexSpace?.()
  if (rail.collect.kind !== 'address' || space === undefined)
    return { indexSpace: null, addressIndex: null, watchUntil: null }
  const { index, used } = await allocateIndex(tx, space)
  if (index - used > GAP)
    context.log.warn(
      { rail: rail.name, index, used },
      `more than ${GAP} addresses in a row are unused: raise the gap limit of your wallet, or it does not find deposits to this one`,
    )
  const ends = intent.expiresAt > now ? intent.expiresAt : now
  return { indexSpace: space, addressIndex: index, watchUntil: addMs(ends, WATCH_FOR_MS) }
}

/** Releases the index of a failed attempt whose address was never shown, so that it is allocated again. */
export async function releaseUnusedAddress(tx: Tx, attempt: AttemptRow): Promise<AttemptRow> {
  const { state, reference, indexSpace: space, addressIndex: index } = attempt
  if (state !== 'failed' || reference !== null || space === null || index === null) return attempt
  await releaseIndex(tx, { space, index })
  return { ...attempt, addressIndex: null, watchUntil: null }
}

/**
 * Renews the request on the same address: the remaining amount, at the locked rate or else at a new one. Changes
 * nothing while amount and rate still hold.
 */
export async function renewRequest(
  tx: Tx,
  context: Context,
  rail: Collector,
  { intent, attempt, now }: { intent: IntentRow; attempt: AttemptRow; now: Date },
): Promise<AttemptRow> {
  if (attempt.address === null) return attempt
  const exchange = attempt.exchange && parseExchange(attempt.exchange)
  const due = intent.amount - intent.received
  const arrived = await sumDeposits(tx, attempt.id, exchange?.quoteId ?? null)
  if (!exchange && attempt.amount === due + arrived.gross) return attempt
  if (exchange && isLocked(exchange, now) && exchange.priced === due + arrived.counted) return attempt
  const left = due - (exchange ? await sumUnconfirmed(tx, attempt) : 0n)
  if (left <= 0n) return attempt
  const asked = exchange
    ? await quoteRequestedAmount(context, tx, rail, money(intent.asset, left))
    : { amount: money(intent.asset, due + arrived.gross), exchange: undefined, tolerance: attempt.tolerance }
  const changed = {
    ...attempt,
    amount: largest(asked.amount.amount, rail.limits(asked.amount.asset).min),
    exchange: asked.exchange ? serializeExchange(asked.exchange) : null,
    tolerance: largest(attempt.tolerance, asked.tolerance),
  }
  const after = await updateAmountDue(tx, context, intent, changed)
  await updateAttempt(tx, after)
  await refreshIntent(tx, context, intent, now, { shows: true })
  return after
}

/** Sums the amount that unconfirmed deposits will count for, in the intent's asset. */
async function sumUnconfirmed(tx: Tx, { id }: AttemptRow): Promise<bigint> {
  const seen = (await listDeposits(tx, [id])).filter(({ state }) => state === 'seen')
  return seen.reduce((sum, { exchange, gross }) => {
    if (!exchange) return sum
    const { priced, asked } = parseExchange(exchange)
    return sum + proportionOf(priced, gross, asked)
  }, 0n)
}

/** Returns the attempt with the amount left to send and the payment URI for it. */
export async function updateAmountDue(
  tx: Tx,
  context: Context,
  intent: IntentRow,
  attempt: AttemptRow,
): Promise<AttemptRow> {
  const rail = context.rails.find(({ name }) => name === attempt.rail)
  const { address, asset } = attempt
  if (address === null || !rail?.collect?.uriOf) return attempt
  const arrived = await sumDeposits(tx, attempt.id, attempt.exchange?.quoteId ?? null)
  const due = amountLeftToSend(rail, intent, attempt, arrived)
  const words = { merchantName: intent.terms.merchantName, description: intent.description }
  const paymentUri = due > 0n ? rail.collect.uriOf({ ...words, address, amount: money(asset, due) }) : null
  return { ...attempt, due, paymentUri }
}

/**
 * Returns the amount left to send: zero within the tolerance, otherwise at least the rail's minimum, because less could
 * not be paid at all.
 */
function amountLeftToSend(
  rail: Rail,
  intent: IntentRow,
  { asset, amount }: AttemptRow,
  { gross, waiting }: DepositSums,
): bigint {
  const left = amount - gross - waiting
  const terms = merchantTolerance({ amount, terms: intent.terms })
  if (left <= largest(terms, rail.tolerance?.(money(asset, amount)) ?? 0n)) return 0n
  return largest(left, rail.limits(asset).min)
}
