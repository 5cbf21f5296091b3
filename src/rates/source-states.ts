import { usdValues } from './usd-values.ts'
import type { SourceState } from './types.ts'
import type { SourceRow } from './store.ts'

const NAMES: Readonly<Record<string, string>> = { coingecko: 'CoinGecko', coinbase: 'Coinbase', kraken: 'Kraken' }

/** Returns the state of each enabled source. With `currency`, also whether the source has a price for it and is not excluded for it. */
export function describeSources(
  names: readonly string[],
  rows: readonly SourceRow[],
  { now, maxAgeMs, currency }: { now: Date; maxAgeMs: number; currency?: string | undefined },
): SourceState[] {
  return names.map((source) => {
    const row = rows.find(({ name }) => name === source)
    const [state, said] = row
      ? stateOf(row, { now, maxAgeMs, currency })
      : (['not-asked', 'has not been queried yet'] as const)
    return { source, state, said: `${NAMES[source] ?? source} ${said}` }
  })
}

function stateOf(
  row: SourceRow,
  { now, maxAgeMs, currency }: { now: Date; maxAgeMs: number; currency: string | undefined },
): readonly [SourceState['state'], string] {
  const { failures, problem, failingSince, answeredAt, leftOut, prices } = row
  if (failures > 0) return ['failing', `${problem ?? 'fails'} since ${failingSince?.toISOString() ?? 'now'}`]
  if (!answeredAt) return ['not-asked', 'has not answered yet']
  const values = usdValues(prices)
  if (currency !== undefined && currency !== 'USD' && !values.has(currency))
    return ['missing', `has no price for ${currency}`]
  const out = currency === undefined ? leftOut : leftOut.filter((code) => code === currency)
  if (out.length > 0) return ['left-out', `is excluded for ${out.join(', ')}: it differs from the others`]
  const { at } = (currency === undefined ? [...values.values()][0] : values.get(currency)) ?? { at: answeredAt }
  if (now.getTime() - at.getTime() > maxAgeMs) return ['stale', `sent its last price at ${at.toISOString()}`]
  return ['ok', `answered at ${answeredAt.toISOString()}`]
}
