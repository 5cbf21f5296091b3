import type { Queryable } from '#platform/db'
import { RatesUnavailable, unknownPair } from './errors.ts'
import type { Rate, RatesDeps, SourceState } from './types.ts'
import { formatFraction, ONE, over } from './fraction.ts'
import { dollarValues } from './usd-values.ts'
import { SKEW_MS, type Verdict } from './consensus.ts'
import { statesOf } from './source-states.ts'
import { listSources, listValues } from './store.ts'

export interface Reader {
  /** The rate by what is in the database. Throws as `Rates.rate` does. */
  look(q: Queryable, base: string, quote: string): Promise<Rate>
  states(q: Queryable, currency?: string): Promise<SourceState[]>
  maxAgeMs(): number
}

export function createReader({ clock, config }: Pick<RatesDeps, 'clock' | 'config'>): Reader {
  const maxAgeMs = (): number => config().maxAgeSeconds * 1000
  const states: Reader['states'] = async (q, currency) =>
    statesOf(config().sources, await listSources(q), { now: clock.now(), maxAgeMs: maxAgeMs(), currency })

  /** In USD: the last good value while it is fresh enough, else one that the operator fixed. */
  function valueOf(currency: string, known: ReadonlyMap<string, Verdict>, now: Date): Verdict | undefined {
    if (currency === 'USD') return { value: ONE, at: now, sources: [] }
    const last = known.get(currency)
    const ageMs = last ? now.getTime() - last.at.getTime() : Infinity
    if (last && ageMs <= maxAgeMs() && ageMs >= -SKEW_MS) return last
    const fixed = dollarValues(config().fixed.map((rate) => ({ ...rate, at: now }))).get(currency)
    return fixed && { ...fixed, sources: ['fixed'] }
  }

  async function whyNot(q: Queryable, pair: string, lacking: string): Promise<Error> {
    const all = await states(q, lacking)
    const nobodyEver = all.length > 0 && all.every(({ state }) => state === 'missing')
    return nobodyEver ? unknownPair(pair) : new RatesUnavailable(pair, maxAgeMs(), all)
  }

  return {
    states,
    maxAgeMs,
    look: async (q, base, quote) => {
      const now = clock.now()
      if (base === quote) return rateOf({ base, quote, value: ONE, sources: [], at: now }, now)
      const known = await listValues(q, [base, quote])
      const [of, by] = [base, quote].map((currency) => valueOf(currency, known, now))
      if (!of || !by) throw await whyNot(q, `${base}/${quote}`, of ? quote : base)
      const sources = [...new Set([...of.sources, ...by.sources])].toSorted()
      return rateOf({ base, quote, value: over(of.value, by.value), sources, at: of.at < by.at ? of.at : by.at }, now)
    },
  }
}

/** `now` is when its age is told. */
export function rateOf(rate: Omit<Rate, 'text' | 'ageMs'>, now: Date): Rate {
  return { ...rate, ageMs: Math.max(0, now.getTime() - rate.at.getTime()), text: formatFraction(rate.value) }
}
