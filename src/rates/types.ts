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

/** How many units of `quote` one unit of `base` is worth. Exact; rates of one moment fit each other (A/B × B/C = A/C). */
export interface Rate {
  readonly base: string
  readonly quote: string
  readonly value: Fraction
  /** The value as a decimal, to 18 significant digits: for showing. */
  readonly text: string
  /** Whose prices are in it, `fixed` for one that the operator set. None when both currencies are the same. */
  readonly sources: readonly string[]
  /** When the oldest price in it was so. */
  readonly at: Date
  readonly ageMs: number
}

export interface Conversion {
  readonly from: Money
  /** `from` at the rate, rounded as named. */
  readonly amount: Money
  /** The desk's share on top of it, in the same asset and rounding: the caller adds it to what a payer pays or keeps it back. */
  readonly spread: Money
  readonly spreadBps: number
  readonly rounding: Rounding
  readonly rate: Rate
}

/** A rate promised until `expiresAt`. `rate.ageMs` is its age when it was promised. */
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
  /** 0 to 10000; RATES_SPREAD_BPS unless told. */
  readonly spreadBps?: number
}

export interface SourceState {
  readonly source: string
  /** `ok`, or what is the matter: it failed, was not believed, or does not give this currency. */
  readonly state: 'ok' | 'failing' | 'left-out' | 'stale' | 'missing' | 'not-asked'
  /** In plain words, such as "Kraken did not answer in time since 2026-01-15T09:00:00.000Z". */
  readonly said: string
}

/** Prices of currencies: what they are now, exactly, and how sure. All throw `RatesUnavailable` rather than invent one. */
export interface Rates extends Module {
  /**
   * The rate now. Where nothing is known that is fresh enough, the sources are asked first, so not inside a transaction. Throws AppError
   * `rates.unavailable` (503), `rates.unknown-pair` (422).
   */
  rate(base: string, quote: string): Promise<Rate>
  /** Converts at the rate now. Throws as `rate` does. */
  convert(input: ConvertInput): Promise<Conversion>
  /**
   * Converts, and keeps the result for `lockMs` (15 minutes unless told). Nothing but SQL, so that it can be part of a transaction: ask for
   * `rate` before it, so that there is one. Throws as `rate` does.
   */
  quote(q: Queryable, input: ConvertInput & { readonly lockMs?: number }): Promise<Quote>
  /** Also after its end. */
  findQuote(q: Queryable, id: string): Promise<Quote | undefined>
  /** Asks every source that nobody has asked for a minute, once over all instances, and judges what they said. Does not throw for theirs. */
  refresh(): Promise<void>
  /** How each source stands, for one currency or for all. */
  sourceStates(q: Queryable, currency?: string): Promise<readonly SourceState[]>
  /** How old a rate may be, as it is set now. */
  maxAgeMs(): number
  /** Waits for what is under way. */
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
