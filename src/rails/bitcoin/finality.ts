import { satsOf } from '#clients/bitcoin'

/** Payments up to so many sats need so many confirmations; the last has no limit. */
export interface Tier {
  readonly upTo: bigint | undefined
  readonly confirmations: number
}

const MOST = 100
/** Coins of a block's own reward cannot be spent before (COINBASE_MATURITY of Bitcoin Core). */
const COINBASE_MATURITY = 100

/** Reads `0.01:1,0.1:2,*:6`: amounts in BTC, rising, ending in a star; confirmations never falling. */
export function parseTiers(text: string): readonly Tier[] | { problem: string } {
  const tiers: Tier[] = []
  for (const part of text.split(',')) {
    const match = /^(\*|\d+(?:\.\d{1,8})?):(\d{1,3})$/.exec(part.trim())
    const last = tiers.at(-1)
    if (!match?.[1]) return { problem: 'must be a list such as 0.01:1,0.1:2,*:6' }
    if (last && last.upTo === undefined) return { problem: 'must have its star at the end' }
    const upTo = match[1] === '*' ? undefined : satsOf(match[1])
    const confirmations = Number(match[2])
    if (confirmations > MOST) return { problem: `must not ask for more than ${MOST} confirmations` }
    if (last && ((upTo !== undefined && upTo <= (last.upTo ?? 0n)) || confirmations < last.confirmations))
      return { problem: 'must have rising amounts, and confirmations that do not fall' }
    tiers.push({ upTo, confirmations })
  }
  return tiers.at(-1)?.upTo === undefined ? tiers : { problem: 'must end in *:… for all larger amounts' }
}

export interface Risk {
  /** The larger of what arrived and what was asked for: many small payments must not slip under a large one's tier. */
  readonly sats: bigint
  /** It, or a parent that waits with it, may be replaced, or it hangs on a parent that waits. */
  readonly replaceable: boolean
  readonly coinbase: boolean
}

/** Confirmations until it is final. */
export function confirmationsNeeded(tiers: readonly Tier[], { sats, replaceable, coinbase }: Risk): number {
  const tier = tiers.find(({ upTo }) => upTo === undefined || sats <= upTo)
  const needed = tier?.confirmations ?? MOST
  return Math.max(needed, coinbase ? COINBASE_MATURITY : 0, replaceable ? 1 : 0)
}

/** How much less than the amount still pays it, in sats; rounded down. Basis points: 50 is half a percent. */
export const toleranceOf = (sats: bigint, basisPoints: bigint): bigint => (sats * basisPoints) / 10_000n
