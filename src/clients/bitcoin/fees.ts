import { BitcoinError } from './errors.ts'
import type { BitcoinNode } from './node.ts'

export interface FeeRules {
  /** Target number of blocks until the transaction is mined. */
  readonly blocks: number
  /** Rate when the node has too little data for an estimate, in sat per 1,000 virtual bytes. */
  readonly fallback: bigint
  /** Maximum rate, in sat per 1,000 virtual bytes. */
  readonly cap: bigint
}

export interface FeeRate {
  /** Sat per 1,000 virtual bytes. */
  readonly rate: bigint
  readonly source: 'estimate' | 'mempool' | 'fallback' | 'cap'
}

/**
 * Chooses a fee rate: the node's estimate, or without one the larger of the fallback and the mempool minimum. The rate is never below the
 * relay minimum. Throws BitcoinError `bitcoin.rejected` when this minimum exceeds the cap, because nodes would not relay the transaction.
 */
export async function chooseFeeRate(
  node: Pick<BitcoinNode, 'estimateFee' | 'minimumFee'>,
  rules: FeeRules,
): Promise<FeeRate> {
  const [estimate, least] = await Promise.all([node.estimateFee(rules.blocks), node.minimumFee()])
  if (least > rules.cap)
    throw new BitcoinError('bitcoin.rejected', `its minimum fee, ${least} sat/kvB, is above the cap of ${rules.cap}`)
  const wanted: FeeRate =
    estimate !== undefined ? { rate: estimate, source: 'estimate' } : { rate: rules.fallback, source: 'fallback' }
  const raised: FeeRate = wanted.rate < least ? { rate: least, source: 'mempool' } : wanted
  return raised.rate > rules.cap ? { rate: rules.cap, source: 'cap' } : raised
}
