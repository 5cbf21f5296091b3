import type { Exchange } from '../exchange/types.ts'

/** An exchange as stored in a `jsonb` column: numbers and times as text. */
export interface StoredExchange extends Omit<Exchange, 'price' | 'at' | 'lockedUntil' | 'asked' | 'spread' | 'priced'> {
  readonly numerator: string
  readonly denominator: string
  readonly at: string
  readonly lockedUntil: string | null
  readonly asked: string
  readonly spread: string
  readonly priced: string
}

export const serializeExchange = (exchange: Exchange): StoredExchange => {
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

export const parseExchange = (stored: StoredExchange): Exchange => {
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
