import { invertFraction, ONE, divideFractions, parseFraction, type Fraction } from './fraction.ts'

/** Price of a source: units of `quote` for one unit of `base`. */
export interface Price {
  readonly base: string
  readonly quote: string
  /** Decimal text as the source writes it. */
  readonly price: string
  /** Time of the price. */
  readonly at: Date
}

export interface UsdValue {
  readonly value: Fraction
  /** Time of the oldest price that it was computed from. */
  readonly at: Date
}

/** Maximum number of prices on the path from a currency to USD. */
const MAX_DEPTH = 3

/**
 * Returns the value of each currency in USD by these prices alone: directly, inverted, or through other currencies (KES through BTC/USD and
 * BTC/KES). Shorter paths are used first. All rates derive from these values, so they are consistent with each other.
 */
export function usdValues(prices: readonly Price[]): ReadonlyMap<string, UsdValue> {
  const edges = new Map<string, { to: string; value: Fraction; at: Date }[]>()
  const link = (from: string, to: string, value: Fraction, at: Date): void =>
    void edges.set(from, [...(edges.get(from) ?? []), { to, value, at }])
  for (const { base, quote, price, at } of prices) {
    const value = parseFraction(price)
    if (!value) continue
    link(base, quote, value, at)
    link(quote, base, invertFraction(value), at)
  }
  const known = new Map<string, UsdValue>([['USD', { value: ONE, at: new Date(8.64e15) }]])
  let edge = [...known.keys()]
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const next: string[] = []
    for (const from of edge) {
      const start = known.get(from)
      for (const { to, value, at } of edges.get(from) ?? []) {
        if (!start || known.has(to)) continue
        // `value` is in units of `to` per unit of `from`.
        known.set(to, { value: divideFractions(start.value, value), at: at < start.at ? at : start.at })
        next.push(to)
      }
    }
    edge = next
  }
  known.delete('USD')
  return known
}
