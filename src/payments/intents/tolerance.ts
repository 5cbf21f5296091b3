import type { Terms } from './types.ts'

const BPS = 10_000n

/**
 * Returns how much less than the amount still pays the intent, by the merchant's terms at creation. Minor units,
 * rounded down.
 */
export function merchantTolerance({ amount, terms }: { amount: bigint; terms: Terms }): bigint {
  const { toleranceBps = '0' } = terms
  return /^\d{1,4}$/.test(toleranceBps) ? (amount * BigInt(toleranceBps)) / BPS : 0n
}

export const largest = (a: bigint, b: bigint): bigint => (a > b ? a : b)
