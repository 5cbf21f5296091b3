import { currencyOf, money } from '#money'
import { addMs } from '#platform/base/clock'
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
/** Past it a reader sees to it that the sources are asked: the process that should have done it is down or slow. */
const READER_REFRESHES_MS = 1.5 * REFRESH_MS
const CRON_MS = 10_000
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
  /** Whoever asks while it runs waits for the same one. */
  const refresh = (): Promise<void> => (running ??= refreshOnce().finally(() => (running = undefined)))
  const inBackground = (): void =>
    void refresh().catch((error: unknown) => log.warn({ why: describeError(error) }, 'rates could not be refreshed'))

  async function findRate(base: string, by: string): Promise<Rate> {
    const found = await reader.readRate(db, base, by).catch((error: unknown) => {
      if (!(error instanceof RatesUnavailable)) throw error
      return undefined
    })
    // What the operator fixed stands in for sources that have nothing, not for sources that nobody asked.
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
      const made = { ...conversion, id: ids.next('qte'), createdAt, expiresAt: addMs(createdAt, lockMs) }
      await insertQuote(q, made)
      return made
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

/** It looks often, so that a source that asked for patience is not left waiting for another minute; each is asked once a minute. */
const refreshCron = (refresh: () => Promise<void>): Cron => ({ name: 'rates.refresh', everyMs: CRON_MS, run: refresh })

/** Whoever relies on a quote has copied it by then. */
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
