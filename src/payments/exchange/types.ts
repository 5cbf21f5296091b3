import type { Asset } from '#money'
import type { AmountLimits, Rail } from '#rails/contract'
import type { Fraction } from '#rates'

/**
 * An exchange between two assets: `asked` (with the spread) was requested for `priced` of the intent. Parts of `asked`
 * count in proportion, so that all of it counts for exactly `priced`.
 */
export interface Exchange {
  /** `qte_…`. Deposits at one quote are summed before rounding. */
  readonly quoteId: string
  /** Currency of the attempt (`base`) and of the intent (`quote`). */
  readonly base: string
  readonly quote: string
  /** Price of one `base` in units of `quote`, without the spread. */
  readonly price: Fraction
  readonly text: string
  readonly sources: readonly string[]
  /** Time of the source prices. */
  readonly at: Date
  /** End of the lock. Money first seen later counts at the rate of its arrival; null for such a rate. */
  readonly lockedUntil: Date | null
  readonly spreadBps: number
  /** Requested amount with the spread, in minor units of the attempt's asset. */
  readonly asked: bigint
  readonly spread: bigint
  /** Amount paid by it, in minor units of the intent's asset. */
  readonly priced: bigint
}

/** Approximate prices in memory, for the limits that pages show. Requested amounts always use a new quote. */
export interface Prices {
  /** Fetches the prices of an asset. Returns at once when prices are known, even old ones. Never throws. */
  load(asset: Asset): Promise<void>
  /**
   * Returns the rail's limits in an asset. While the price of an exchanging rail is unknown, the limits are wide open.
   * Undefined when the rail cannot collect the asset or no source prices it.
   */
  limits(rail: Rail, asset: Asset): AmountLimits | undefined
}
