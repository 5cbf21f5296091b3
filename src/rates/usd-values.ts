import { invertFraction, ONE, divideFractions, parseFraction, type Fraction } from './fraction.ts'

/** What a source said: `quote` for one `base`. */
export interface Price {
  readonly base: string
  readonly quote: string
  /** Decimal text as it was written. */
  readonly price: string
  /** When it was so. */
  readonly at: Date
}

export interface UsdValue {
  readonly value: Fraction
  /** That of the oldest price that it was worked out from. */
  readonly at: Date
}

const DEEPEST = 3

/**
 * What one unit of each currency is worth in USD by these prices alone: directly, turned round, or by way of others (KES by
 * BTC/USD and BTC/KES), the shortest way first. Everything else is worked out from these values, so that all rates fit each other.
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
  for (let depth = 0; depth < DEEPEST; depth++) {
    const next: string[] = []
    for (const from of edge) {
      const start = known.get(from)
      for (const { to, value, at } of edges.get(from) ?? []) {
        if (!start || known.has(to)) continue
        // `value` is `to` for one `from`.
        known.set(to, { value: divideFractions(start.value, value), at: at < start.at ? at : start.at })
        next.push(to)
      }
    }
    edge = next
  }
  known.delete('USD')
  return known
}
