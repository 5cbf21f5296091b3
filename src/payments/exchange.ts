import { currencyOf, money, type Asset, type Money } from '#money'
import type { Tx } from '#platform/db'
import { AppError } from '#platform/errors'
import { formatFraction, RatesUnavailable, type Fraction, type Quote } from '#rates'
import { exchangeOff } from './errors.ts'
import type { Core } from './core.ts'

/**
 * What money in one asset counts for in another: so much was asked (`asked`, the spread in it) for so much of the intent (`priced`). Parts of what
 * was asked count by that proportion, so that all of it counts for exactly what it was asked for.
 */
export interface Exchange {
  /** `qte_…`. Money that came at one quote is added up before it is rounded. */
  readonly quoteId: string
  /** Currency of the attempt, and of the intent. */
  readonly base: string
  readonly quote: string
  /** Units of `quote` for one of `base`, without the spread. */
  readonly price: Fraction
  readonly text: string
  readonly sources: readonly string[]
  /** When the prices in it were so. */
  readonly at: Date
  /** What is first seen later counts by the rate of its arrival; null for that rate itself. */
  readonly lockedUntil: Date | null
  readonly spreadBps: number
  /** Minor units of the attempt's asset, the spread included. */
  readonly asked: bigint
  readonly spread: bigint
  /** Minor units of the intent's asset. */
  readonly priced: bigint
}

/** As a row holds it. */
export interface StoredExchange extends Omit<Exchange, 'price' | 'at' | 'lockedUntil' | 'asked' | 'spread' | 'priced'> {
  readonly numerator: string
  readonly denominator: string
  readonly at: string
  readonly lockedUntil: string | null
  readonly asked: string
  readonly spread: string
  readonly priced: string
}

export const storedExchange = (exchange: Exchange): StoredExchange => {
  const { price, at, lockedUntil, asked, spread, priced, ...rest } = exchange
  return {
    ...rest,
    numerator: price.numerator.toString(),
    denominator: price.denominator.toString(),
    at: at.toISOString(),
    lockedUntil: lockedUntil?.toISOString() ?? null,
    asked: asked.toString(),
    spread: spread.toString(),
    priced: priced.toString(),
  }
}

export const exchangeOf = (stored: StoredExchange): Exchange => {
  const { numerator, denominator, at, lockedUntil, asked, spread, priced, ...rest } = stored
  return {
    ...rest,
    price: { numerator: BigInt(numerator), denominator: BigInt(denominator) },
    at: new Date(at),
    lockedUntil: lockedUntil === null ? null : new Date(lockedUntil),
    asked: BigInt(asked),
    spread: BigInt(spread),
    priced: BigInt(priced),
  }
}

export const isLocked = ({ lockedUntil }: Exchange, now: Date): boolean => lockedUntil !== null && now < lockedUntil

const BPS = 10_000n

/** What a payer of `due` is asked for in `asset`, promised for 15 minutes. Throws `rates.unavailable`. Nothing but SQL. */
export async function askIn(core: Core, tx: Tx, due: Money, asset: Asset): Promise<Exchange> {
  const { rates } = core
  if (!rates) throw exchangeOff(currencyOf(due.asset))
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

/** What `gross` counts for that arrived now, after the promise was over: the desk keeps the same share. Undefined when there is no rate. */
export async function arriveAt(
  core: Core,
  tx: Tx,
  promised: Exchange,
  gross: Money,
  asset: Asset,
): Promise<Exchange | undefined> {
  const { spreadBps } = promised
  const spread = (gross.amount * BigInt(spreadBps)) / (BPS + BigInt(spreadBps))
  try {
    const from = money(gross.asset, gross.amount - spread)
    const quote = await core.rates?.quote(tx, { from, to: asset, rounding: 'down', spreadBps: 0 })
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
    // No source prices it any more: as if all were silent.
    const isUnpriced = error instanceof AppError && error.code === 'rates.unknown-pair'
    if (!(error instanceof RatesUnavailable) && !isUnpriced) throw error
    return undefined
  }
}

/** The rate last promised, for money that comes after it while no other can be had: nothing waits for ever. */
export const atPromised = (promised: Exchange, gross: bigint, providerId: string): Exchange => ({
  ...promised,
  quoteId: `${promised.quoteId}:${providerId}`,
  lockedUntil: null,
  asked: gross,
  spread: partOf(promised.spread, gross, promised.asked),
  priced: partOf(promised.priced, gross, promised.asked),
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

/** Rounded down. */
export const partOf = (of: bigint, part: bigint, whole: bigint): bigint => (of * part) / whole
