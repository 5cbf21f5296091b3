import { type Asset, currencyOf, money, type Money } from '#money'
import type { Tx } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import { formatFraction, type Quote, RatesUnavailable } from '#rates'
import type { Context } from '../context.ts'
import { exchangeUnavailable } from '../errors.ts'
import type { Exchange } from './types.ts'

export const isLocked = ({ lockedUntil }: Exchange, now: Date): boolean => lockedUntil !== null && now < lockedUntil

const BPS = 10_000n

/** Quotes `due` in `asset` and locks the rate for 15 minutes. Runs SQL only. Throws 503 `rates.unavailable`. */
export async function quoteExchange(context: Context, tx: Tx, due: Money, asset: Asset): Promise<Exchange> {
  const { rates } = context
  if (!rates) throw exchangeUnavailable(currencyOf(due.asset))
  const quote = await rates.quote(tx, { from: due, to: asset, rounding: 'up' })
  const { spreadBps, spread, expiresAt } = quote
  return {
    ...priceOf(quote, 'turned'),
    lockedUntil: expiresAt,
    spreadBps,
    asked: quote.amount.amount + spread.amount,
    spread: spread.amount,
    priced: due.amount,
  }
}

/**
 * Values `gross` at the current rate, for money that arrived after the lock expired. The desk keeps the same share.
 * Undefined when there is no rate.
 */
export async function exchangeAtCurrentRate(
  context: Context,
  tx: Tx,
  promised: Exchange,
  gross: Money,
  asset: Asset,
): Promise<Exchange | undefined> {
  const { spreadBps } = promised
  const spread = (gross.amount * BigInt(spreadBps)) / (BPS + BigInt(spreadBps))
  try {
    const from = money(gross.asset, gross.amount - spread)
    const quote = await context.rates?.quote(tx, { from, to: asset, rounding: 'down', spreadBps: 0 })
    if (!quote) return undefined
    return {
      ...priceOf(quote, 'straight'),
      lockedUntil: null,
      spreadBps,
      asked: gross.amount,
      spread,
      priced: quote.amount.amount,
    }
  } catch (error) {
    // A pair that no source prices any more is treated like silent sources.
    const isUnpriced = error instanceof AppError && error.code === 'rates.unknown-pair'
    if (!(error instanceof RatesUnavailable) && !isUnpriced) throw error
    return undefined
  }
}

/**
 * Values `gross` at the last promised rate, for money that arrives after it while no other rate is available. Nothing
 * waits for a rate forever.
 */
export const exchangeAtPromisedRate = (promised: Exchange, gross: bigint, providerId: string): Exchange => ({
  ...promised,
  quoteId: `${promised.quoteId}:${providerId}`,
  lockedUntil: null,
  asked: gross,
  spread: proportionOf(promised.spread, gross, promised.asked),
  priced: proportionOf(promised.priced, gross, promised.asked),
})

function priceOf(
  { id, rate }: Quote,
  way: 'straight' | 'turned',
): Pick<Exchange, 'quoteId' | 'base' | 'quote' | 'price' | 'text' | 'sources' | 'at'> {
  const { numerator, denominator } = rate.value
  const price = way === 'straight' ? rate.value : { numerator: denominator, denominator: numerator }
  const [base, quote] = way === 'straight' ? [rate.base, rate.quote] : [rate.quote, rate.base]
  return { quoteId: id, base, quote, price, text: formatFraction(price), sources: rate.sources, at: rate.at }
}

/** Returns `of * part / whole`, rounded down. */
export const proportionOf = (of: bigint, part: bigint, whole: bigint): bigint => (of * part) / whole
