import type { Asset } from '#money'
import type { AmountLimits, Rail } from '#rails/contract'
import type { Fraction } from '#rates'

/**
 * What money in one asset counts for in another: so much was asked (`asked`, the spread in it) for so much of the intent (`priced`). Parts of what
 * was asked count by that proportion, so that all of it counts for exactly what it was asked for.
 */
export interface Exchange {
  /** `qte_…`. Money that came at one quote is added up before it is rounded. */
  readonly quoteId: string
  /** Currency of the attempt, and of the intent. */
  readonly base: string
  readonly quote: string
  /** Units of `quote` for one of `base`, without the spread. */
  readonly price: Fraction
  readonly text: string
  readonly sources: readonly string[]
  /** When the prices in it were so. */
  readonly at: Date
  /** What is first seen later counts by the rate of its arrival; null for that rate itself. */
  readonly lockedUntil: Date | null
  readonly spreadBps: number
  /** Minor units of the attempt's asset, the spread included. */
  readonly asked: bigint
  readonly spread: bigint
  /** Minor units of the intent's asset. */
  readonly priced: bigint
}

/** Rough prices in memory, for limits that are shown. What is asked for is always worked out anew. */
export interface Prices {
  /** Sees to it that the prices of this asset are known; at once when they are, also when they are old. Never throws. */
  learn(asset: Asset): Promise<void>
  /** The rail's limits in this asset; of one that exchanges, as far as its price is known. Undefined when it cannot take it: nobody prices it. */
  limits(rail: Rail, asset: Asset): AmountLimits | undefined
}
