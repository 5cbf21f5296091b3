import type { Asset, Money, Rounding } from '#money'
import type { Clock } from '#platform/base/clock'
import type { Db, Queryable } from '#platform/database/db'
import type { Fetch } from '#platform/web/fetch'
import type { Ids } from '#platform/base/ids'
import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'
import type { Module } from '#platform/runtime/module'
import type { PriceSourcesConfig, RatesConfig } from './config.ts'
import type { Fraction } from './fraction.ts'

/** Value of one unit of `base` in units of `quote`. Exact: rates of one moment are consistent (A/B × B/C = A/C). */
export interface Rate {
  readonly base: string
  readonly quote: string
  readonly value: Fraction
  /** The value as a decimal with 18 significant digits, for display. */
  readonly text: string
  /** Names of the sources whose prices are in it; `fixed` for RATES_FIXED. Empty if both currencies are the same. */
  readonly sources: readonly string[]
  /** Time of the oldest price in it. */
  readonly at: Date
  readonly ageMs: number
}

export interface Conversion {
  readonly from: Money
  /** `from` at the rate, rounded by `rounding`. */
  readonly amount: Money
  /** Spread in the same asset and rounding. The caller adds it to a price or deducts it from a payout. */
  readonly spread: Money
  readonly spreadBps: number
  readonly rounding: Rounding
  readonly rate: Rate
}

/** A conversion that is valid until `expiresAt`. `rate.ageMs` is the age when the quote was created. */
export interface Quote extends Conversion {
  /** `qte_…` */
  readonly id: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

export interface ConvertInput {
  readonly from: Money
  readonly to: Asset
  readonly rounding: Rounding
  /** Basis points, 0 to 10000. Default: RATES_SPREAD_BPS. */
  readonly spreadBps?: number
}

export interface SourceState {
  readonly source: string
  /** `left-out`: excluded, because it differs from the others. `missing`: has no price for this currency. */
  readonly state: 'ok' | 'failing' | 'left-out' | 'stale' | 'missing' | 'not-asked'
  /** The state as a sentence for people, such as "Kraken did not answer in time since 2026-01-15T09:00:00.000Z". */
  readonly said: string
}

/** Exchange rates. Methods throw `RatesUnavailable` instead of returning an old or unconfirmed rate. */
export interface Rates extends Module {
  /**
   * Returns the current rate. Without a fresh rate it queries the sources first, so do not call it inside a transaction. Throws AppError
   * `rates.unavailable` (503) or `rates.unknown-pair` (422).
   */
  rate(base: string, quote: string): Promise<Rate>
  /** Converts at the current rate. Throws like `rate`. */
  convert(input: ConvertInput): Promise<Conversion>
  /**
   * Converts and stores the result for `lockMs` (default: 15 minutes). Runs SQL only, so it can be part of a transaction. Call `rate` before the
   * transaction, so that a fresh rate exists. Throws like `rate`.
   */
  quote(q: Queryable, input: ConvertInput & { readonly lockMs?: number }): Promise<Quote>
  /** Returns a stored quote, also after it expired. */
  findQuote(q: Queryable, id: string): Promise<Quote | undefined>
  /** Queries the sources that no instance queried within the last minute, and computes the consensus. Does not throw for errors of sources. */
  refresh(): Promise<void>
  /** Returns the state of each source, for one currency or for all. */
  sourceStates(q: Queryable, currency?: string): Promise<readonly SourceState[]>
  /** Returns the current value of RATES_MAX_AGE in ms. */
  maxAgeMs(): number
  /** Waits for a refresh in progress. */
  close(): Promise<void>
}

export interface RatesDeps {
  readonly db: Db
  readonly fetch: Fetch
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly metrics: Metrics
  readonly config: () => RatesConfig
  readonly sources: () => PriceSourcesConfig
}
