import { addMs } from '#platform/base/clock'
import { AppError, describeError } from '#platform/base/errors'
import type { SourceName } from './config.ts'
import { problemOf } from './errors.ts'
import type { RatesDeps } from './types.ts'
import { usdValues, type UsdValue } from './usd-values.ts'
import { findConsensus, SKEW_MS, type LastGood, type AgreedPrice, type SourcePrice } from './consensus.ts'
import { createMeters } from './metrics.ts'
import { createSources } from './sources.ts'
import {
  claimSources,
  listValues,
  lockSources,
  saveAnswer,
  saveFailure,
  saveLeftOut,
  saveValues,
  type SourceRow,
} from './store.ts'

/** Interval between requests to a source. It fits CoinGecko's public limit and cache. */
export const REFRESH_MS = 60_000
/** Age up to which a source's price takes part in the consensus. It allows one missed request. */
const FRESH_MS = 2.5 * REFRESH_MS
const BACK_OFF_MS = 2 * REFRESH_MS
const LONGEST_BACK_OFF_MS = 60 * 60_000

export type Refresh = () => Promise<void>

/** Requests prices from the sources that are due and computes the consensus. A claim in the database makes all instances send one request. */
export function createRefresh(deps: RatesDeps): Refresh {
  const { db, clock, config } = deps
  const log = deps.log.child({ module: 'rates' })
  const sources = createSources({ fetch: deps.fetch, config: deps.sources })
  const meters = createMeters(deps.metrics)

  async function ask(name: SourceName): Promise<void> {
    try {
      const quotes = await sources[name]()
      const now = clock.now()
      const prices = quotes.map(({ ageMs, ...price }) => ({ ...price, at: addMs(now, -ageMs) }))
      await saveAnswer(db, name, prices, now)
      meters.answers.inc({ source: name, result: 'ok' })
    } catch (error) {
      const now = clock.now()
      const problem = problemOf(error)
      await saveFailure(db, name, { problem, now, retryAt: retryAtOf(error, now) })
      meters.answers.inc({ source: name, result: error instanceof AppError ? error.code : 'internal' })
      log.warn({ source: name, problem, why: describeError(error) }, 'a price source failed')
    }
  }

  /** Computes and stores the consensus in one transaction, with the rows of the sources locked. */
  async function decide(): Promise<void> {
    const now = clock.now()
    const { sources: names, ...rules } = config()
    const changes = await db.transaction(async (tx) => {
      const rows = (await lockSources(tx)).filter(({ name }) => names.some((one) => one === name))
      const { agreedPrices, leftOut } = findAllConsensus(rows, await listValues(tx), { ...rules, now })
      if (agreedPrices.size > 0) await saveValues(tx, agreedPrices)
      for (const { name } of rows) await saveLeftOut(tx, name, leftOut.get(name) ?? [])
      return rows.map(({ name, leftOut: before }) => ({ name, before, after: leftOut.get(name) ?? [] }))
    })
    for (const { name, before, after } of changes) {
      if (after.length > 0) meters.leftOut.inc({ source: name }, after.length)
      if (after.join() !== before.join()) logExcluded(name, after)
    }
  }

  function logExcluded(source: string, currencies: readonly string[]): void {
    if (currencies.length === 0) log.info({ source }, 'a price source agrees with the others again')
    else log.warn({ source, currencies }, 'a price source is excluded: it differs from the others')
  }

  return async () => {
    const now = clock.now()
    const due = { now, before: addMs(now, -REFRESH_MS), after: addMs(now, SKEW_MS) }
    const claimed = await claimSources(db, config().sources, due)
    const names = config().sources.filter((name) => claimed.includes(name))
    if (names.length === 0) return
    await Promise.all(names.map(ask))
    await decide()
  }
}

/** Returns the time before which a source must not be queried again, after a 429; null for other errors. */
function retryAtOf(error: unknown, now: Date): Date | null {
  if (!(error instanceof AppError) || !error.code.endsWith('.too-many-requests')) return null
  const askedMs = error.retryAfterSeconds === undefined ? BACK_OFF_MS : error.retryAfterSeconds * 1000
  return addMs(now, Math.min(Math.max(askedMs, REFRESH_MS), LONGEST_BACK_OFF_MS))
}

interface Rules {
  readonly maxAgeSeconds: number
  readonly maxDeviationBps: bigint
  readonly minSources: number
  readonly now: Date
}

function findAllConsensus(
  rows: readonly SourceRow[],
  lastGood: ReadonlyMap<string, LastGood>,
  { maxAgeSeconds, maxDeviationBps, minSources, now }: Rules,
): { agreedPrices: Map<string, AgreedPrice>; leftOut: Map<string, string[]> } {
  const freshMs = Math.min(FRESH_MS, maxAgeSeconds * 1000)
  const pricesBySource = rows.map(({ name, prices, answeredAt }) => ({
    name,
    values: fresh(prices, answeredAt, now, freshMs),
  }))
  const agreedPrices = new Map<string, AgreedPrice>()
  const leftOut = new Map<string, string[]>()
  for (const currency of new Set(pricesBySource.flatMap(({ values }) => [...values.keys()]))) {
    const sourcePrices = pricesBySource.flatMap(({ name, values }): SourcePrice[] => {
      const one = values.get(currency)
      return one ? [{ source: name, value: one.value, at: one.at }] : []
    })
    const rules = { maxDeviationBps, minSources, arbiterMs: maxAgeSeconds * 1000, now }
    const { agreedPrice, leftOut: out } = findConsensus(sourcePrices, lastGood.get(currency), rules)
    if (agreedPrice) agreedPrices.set(currency, agreedPrice)
    for (const source of out) leftOut.set(source, [...(leftOut.get(source) ?? []), currency].toSorted())
  }
  return { agreedPrices, leftOut }
}

/** Returns the fresh prices of a source. Leaves out old responses, prices that were old when sent, and times in the future (a wrong clock). */
function fresh(
  prices: SourceRow['prices'],
  answeredAt: Date | null,
  now: Date,
  freshMs: number,
): ReadonlyMap<string, UsdValue> {
  const [oldest, latest] = [addMs(now, -freshMs), addMs(now, SKEW_MS)]
  if (!answeredAt || answeredAt < oldest || answeredAt > latest) return new Map()
  return usdValues(prices.filter(({ at }) => at >= oldest && at <= latest))
}
