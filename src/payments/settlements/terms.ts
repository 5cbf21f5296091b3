import type { Asset } from '#money'
import { money, multiply } from '#money'

/** When and how much of what comes a merchant can dispose of. */
export interface SettlementTerms {
  /** 0: at once. */
  readonly holdDays: number
  /** Of each receipt, in hundredths of a percent. */
  readonly feeBps: number
  /** Of each receipt, in minor units, by currency. */
  readonly feeFixed: Readonly<Record<string, bigint>>
}

/** What the operator keeps: at most all of it. The share is rounded to the nearest minor unit, half to even. */
export function feeOf(
  asset: Asset,
  amount: bigint,
  { feeBps, feeFixed }: { feeBps: number; feeFixed: bigint },
): bigint {
  const share = multiply(money(asset, amount), BigInt(feeBps), 10_000n, 'half-even').amount
  const fee = share + feeFixed
  return fee < amount ? fee : amount
}
