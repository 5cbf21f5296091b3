import { satsOf } from '#clients/bitcoin'

/** Payments up to `upTo` sats need this many confirmations. The last tier has no limit. */
export interface Tier {
  readonly upTo: bigint | undefined
  readonly confirmations: number
}

const MAX_CONFIRMATIONS = 100
/** Confirmations until a block reward can be spent (COINBASE_MATURITY of Bitcoin Core). */
const COINBASE_MATURITY = 100

/** Parses `0.01:1,0.1:2,*:6`. Amounts are in BTC, must rise and end in a star; confirmations must not fall. */
export function parseTiers(text: string): readonly Tier[] | { problem: string } {
  const tiers: Tier[] = []
  for (const part of text.split(',')) {
    const match = /^(\*|\d+(?:\.\d{1,8})?):(\d{1,3})$/.exec(part.trim())
    const last = tiers.at(-1)
    if (!match?.[1]) return { problem: 'must be a list such as 0.01:1,0.1:2,*:6' }
    if (last && last.upTo === undefined) return { problem: 'must have its star at the end' }
    const upTo = match[1] === '*' ? undefined : satsOf(match[1])
    const confirmations = Number(match[2])
    if (confirmations > MAX_CONFIRMATIONS)
      return { problem: `must not ask for more than ${MAX_CONFIRMATIONS} confirmations` }
    if (last && ((upTo !== undefined && upTo <= (last.upTo ?? 0n)) || confirmations < last.confirmations))
      return { problem: 'must have rising amounts, and confirmations that do not fall' }
    tiers.push({ upTo, confirmations })
  }
  return tiers.at(-1)?.upTo === undefined ? tiers : { problem: 'must end in *:… for all larger amounts' }
}

export interface Risk {
  /** The larger of the received amount and the attempt's amount. Many small payments must not evade the tier of a large attempt. */
  readonly sats: bigint
  /** The transaction or an unconfirmed parent can be replaced, or it has an unconfirmed parent. */
  readonly replaceable: boolean
  readonly coinbase: boolean
}

/** Returns the number of confirmations that make a payment final. */
export function confirmationsNeeded(tiers: readonly Tier[], { sats, replaceable, coinbase }: Risk): number {
  const tier = tiers.find(({ upTo }) => upTo === undefined || sats <= upTo)
  const needed = tier?.confirmations ?? MAX_CONFIRMATIONS
  return Math.max(needed, coinbase ? COINBASE_MATURITY : 0, replaceable ? 1 : 0)
}

/** Returns the largest shortfall that still pays the amount, in sats, rounded down. 50 basis points are half a percent. */
export const toleranceOf = (sats: bigint, basisPoints: bigint): bigint => (sats * basisPoints) / 10_000n
