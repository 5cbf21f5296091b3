import { z } from 'zod'

const SATS_PER_BTC = 100_000_000n
/** Total supply: no amount is larger. */
const MAX_SATS = 21_000_000n * SATS_PER_BTC

/** Converts BTC to sats: `"0.00012345"` or `"1.2345e-4"` → 12345n. Throws RangeError on a fraction of a sat, a sign, or more than 21 million BTC. */
export function satsOf(btc: string | number): bigint {
  const match = /^(\d{1,20})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(String(btc))
  if (!match) throw new RangeError('not an amount in BTC')
  const [, whole = '', fraction = '', exponent = '0'] = match
  const shift = 8 + Number.parseInt(exponent, 10) - fraction.length
  const digits = BigInt(whole + fraction)
  const divisor = 10n ** BigInt(Math.max(0, -shift))
  if (digits % divisor !== 0n) throw new RangeError('an amount with a fraction of a sat')
  const sats = (digits / divisor) * 10n ** BigInt(Math.max(0, shift))
  if (sats > MAX_SATS) throw new RangeError('an amount of more than 21 million BTC')
  return sats
}

/** Formats sats as BTC: 12345n → `"0.00012345"`. Exact, without trailing zeros. */
export function btcText(sats: bigint): string {
  const text = sats.toString().padStart(9, '0')
  return `${text.slice(0, -8)}.${text.slice(-8)}`.replace(/\.?0+$/, '') || '0'
}

/** Amount in a node's response, as `parseExactJson` of #platform/base/json reads it. Becomes sats. */
export const btcAmount = z.union([z.string(), z.int()]).transform((value, context) => {
  try {
    return satsOf(value)
  } catch {
    context.addIssue('not an amount in BTC')
    return z.NEVER
  }
})
