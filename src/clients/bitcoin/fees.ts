import { BitcoinError } from './errors.ts'
import type { BitcoinNode } from './node.ts'

export interface FeeRules {
  /** Blocks to wait for. */
  readonly blocks: number
  /** Sat per 1,000 virtual bytes, when the node has too little data for an estimate. */
  readonly fallback: bigint
  /** Never more than this. */
  readonly cap: bigint
}

export interface FeeRate {
  /** Sat per 1,000 virtual bytes. */
  readonly rate: bigint
  readonly source: 'estimate' | 'mempool' | 'fallback' | 'cap'
}

/**
 * The node's estimate; without one what its mempool asks at least, or the fallback if that is more. Never below what nodes pass on: when that is
 * more than the cap, it is refused (`bitcoin.rejected`) rather than sent to lie around.
 */
export async function chooseFeeRate(
  node: Pick<BitcoinNode, 'estimateFee' | 'leastFee'>,
  rules: FeeRules,
): Promise<FeeRate> {
  const [estimate, least] = await Promise.all([node.estimateFee(rules.blocks), node.leastFee()])
  if (least > rules.cap)
    throw new BitcoinError(
      'bitcoin.rejected',
      `the least fee it takes, ${least} sat/kvB, is above the cap of ${rules.cap}`,
    )
  const wanted: FeeRate =
    estimate !== undefined ? { rate: estimate, source: 'estimate' } : { rate: rules.fallback, source: 'fallback' }
  const raised: FeeRate = wanted.rate < least ? { rate: least, source: 'mempool' } : wanted
  return raised.rate > rules.cap ? { rate: rules.cap, source: 'cap' } : raised
}
