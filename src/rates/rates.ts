import { currencyOf, money } from '#money'
import { addMs } from '#platform/base/clock'
import { withDeadline } from '#platform/base/deadline'
import type { Queryable } from '#platform/database/db'
import { describeError } from '#platform/base/errors'
import type { Cron } from '#platform/runtime/jobs'
import { convertAt } from './convert.ts'
import { RatesUnavailable } from './errors.ts'
import type { Quote, Rate, Rates, RatesDeps } from './types.ts'
import { fraction } from './fraction.ts'
import { ratesHealth } from './health.ts'
import { createReader, toRate } from './reader.ts'
import { createRefresh, REFRESH_MS } from './refresh.ts'
import { ratesSchema } from './schema.ts'
import { deleteQuotes, findQuoteRow, insertQuote } from './store.ts'

const LOCK_MS = 15 * 60_000
/** Age above which a reader refreshes in the background: the worker is down or slow. */
const READER_REFRESHES_MS = 1.5 * REFRESH_MS
const CRON_MS = 10_000
/** Deadline of a refresh. The sources have deadlines of 5 s. A refresh that hangs must not hold up later ones. */
const REFRESH_LIMIT_MS = 60_000
const HOUR_MS = 60 * 60_000
const PURGE_EVERY_MS = 6 * HOUR_MS
const KEEP_QUOTES_MS = 90 * 24 * HOUR_MS
const PURGE_BATCH = 2000

export function createRates(deps: RatesDeps): Rates {
  const { db, clock, ids, config } = deps
  const log = deps.log.child({ module: 'rates' })
  const reader = createReader(deps)
  const refreshOnce = createRefresh(deps)
  let running: Promise<void> | undefined
  /** Refreshes once. Concurrent callers share one refresh. */
  const refresh = (): Promise<void> =>
    (running ??= withDeadline({ name: 'The refresh of the rates', limitMs: REFRESH_LIMIT_MS }, refreshOnce).finally(
      () => (running = undefined),
    ))
  const inBackground = (): void =>
    void refresh().catch((error: unknown) => log.warn({ why: describeError(error) }, 'rates could not be refreshed'))

  async function findRate(base: string, by: string): Promise<Rate> {
    const found = await reader.readRate(db, base, by).catch((error: unknown) => {
      if (!(error instanceof RatesUnavailable)) throw error
      return undefined
    })
    // RATES_FIXED replaces sources without a price, not sources that were not queried yet.
    if (!found || found.sources.includes('fixed')) {
      await refresh()
      return reader.readRate(db, base, by)
    }
    if (found.ageMs > READER_REFRESHES_MS) inBackground()
    return found
  }

  return {
    name: 'rates',
    schema: ratesSchema,
    rate: findRate,
    convert: async ({ from, to, rounding, spreadBps = config().spreadBps }) => {
      const rate = await findRate(currencyOf(from.asset), currencyOf(to))
      return convertAt(rate, { from, to, rounding, spreadBps })
    },
    quote: async (q, { from, to, rounding, spreadBps = config().spreadBps, lockMs = LOCK_MS }) => {
      const rate = await reader.readRate(q, currencyOf(from.asset), currencyOf(to))
      const createdAt = clock.now()
      const conversion = convertAt(rate, { from, to, rounding, spreadBps })
      const quote = { ...conversion, id: ids.next('qte'), createdAt, expiresAt: addMs(createdAt, lockMs) }
      await insertQuote(q, quote)
      return quote
    },
    findQuote,
    refresh,
    sourceStates: reader.sourceStates,
    maxAgeMs: reader.maxAgeMs,
    close: async () => {
      await running?.catch(() => undefined)
    },
    crons: [refreshCron(refresh), purgeCron(deps)],
    health: [ratesHealth({ ...deps, reader })],
  }
}

/** Runs more often than once a minute, so that a source is queried soon after its Retry-After. Each source is queried at most once a minute. */
const refreshCron = (refresh: () => Promise<void>): Cron => ({ name: 'rates.refresh', everyMs: CRON_MS, run: refresh })

/** Deletes quotes after 90 days. Payment attempts keep their own copy. */
const purgeCron = ({ db, clock }: Pick<RatesDeps, 'db' | 'clock'>): Cron => ({
  name: 'rates.purge-quotes',
  everyMs: PURGE_EVERY_MS,
  run: async ({ signal }) => {
    const before = addMs(clock.now(), -KEEP_QUOTES_MS)
    while (!signal.aborted && (await deleteQuotes(db, before, PURGE_BATCH)) === PURGE_BATCH);
  },
})

async function findQuote(q: Queryable, id: string): Promise<Quote | undefined> {
  const row = await findQuoteRow(q, id)
  if (!row) return undefined
  const { createdAt, expiresAt, spreadBps, rounding, sources, rateAt } = row
  const value = fraction(row.numerator, row.denominator)
  const [base, quote] = [currencyOf(row.fromAsset), currencyOf(row.toAsset)]
  return {
    id,
    from: money(row.fromAsset, row.fromAmount),
    amount: money(row.toAsset, row.toAmount),
    spread: money(row.toAsset, row.spreadAmount),
    rate: toRate({ base, quote, value, sources, at: rateAt }, createdAt),
    ...{ spreadBps, rounding, createdAt, expiresAt },
  }
}
