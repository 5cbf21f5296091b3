import type { Queryable } from '#platform/database/db'
import { RatesUnavailable, unknownPair } from './errors.ts'
import type { Rate, RatesDeps, SourceState } from './types.ts'
import { formatFraction, ONE, divideFractions } from './fraction.ts'
import { usdValues } from './usd-values.ts'
import { SKEW_MS, type AgreedPrice } from './consensus.ts'
import { describeSources } from './source-states.ts'
import { listSources, listValues } from './store.ts'

export interface Reader {
  /** Returns the rate from the prices in the database. Throws like `Rates.rate`. */
  readRate(q: Queryable, base: string, quote: string): Promise<Rate>
  sourceStates(q: Queryable, currency?: string): Promise<SourceState[]>
  maxAgeMs(): number
}

export function createReader({ clock, config }: Pick<RatesDeps, 'clock' | 'config'>): Reader {
  const maxAgeMs = (): number => config().maxAgeSeconds * 1000
  const sourceStates: Reader['sourceStates'] = async (q, currency) =>
    describeSources(config().sources, await listSources(q), { now: clock.now(), maxAgeMs: maxAgeMs(), currency })

  /** Returns the value in USD: the last good price while it is fresh, otherwise the operator's fixed rate. */
  function valueOf(currency: string, known: ReadonlyMap<string, AgreedPrice>, now: Date): AgreedPrice | undefined {
    if (currency === 'USD') return { value: ONE, at: now, sources: [] }
    const last = known.get(currency)
    const ageMs = last ? now.getTime() - last.at.getTime() : Infinity
    if (last && ageMs <= maxAgeMs() && ageMs >= -SKEW_MS) return last
    const fixed = usdValues(config().fixed.map((rate) => ({ ...rate, at: now }))).get(currency)
    return fixed && { ...fixed, sources: ['fixed'] }
  }

  async function missingRateError(q: Queryable, pair: string, currency: string): Promise<Error> {
    const all = await sourceStates(q, currency)
    const isUnknown = all.length > 0 && all.every(({ state }) => state === 'missing')
    return isUnknown ? unknownPair(pair) : new RatesUnavailable(pair, maxAgeMs(), all)
  }

  return {
    sourceStates,
    maxAgeMs,
    readRate: async (q, base, quote) => {
      const now = clock.now()
      if (base === quote) return toRate({ base, quote, value: ONE, sources: [], at: now }, now)
      const known = await listValues(q, [base, quote])
      const [of, by] = [base, quote].map((currency) => valueOf(currency, known, now))
      if (!of || !by) throw await missingRateError(q, `${base}/${quote}`, of ? quote : base)
      const sources = [...new Set([...of.sources, ...by.sources])].toSorted()
      return toRate(
        { base, quote, value: divideFractions(of.value, by.value), sources, at: of.at < by.at ? of.at : by.at },
        now,
      )
    },
  }
}

/** Adds the age at `now` and the decimal text. */
export function toRate(rate: Omit<Rate, 'text' | 'ageMs'>, now: Date): Rate {
  return { ...rate, ageMs: Math.max(0, now.getTime() - rate.at.getTime()), text: formatFraction(rate.value) }
}
