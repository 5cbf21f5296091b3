import { type Asset, money, multiply } from '#money'

/** Computes the operator's fee in minor units, at most `amount`. The share is rounded to the nearest minor unit, half to even. */
export function settlementFee(
  asset: Asset,
  amount: bigint,
  { feeBps, feeFixed }: { feeBps: number; feeFixed: bigint },
): bigint {
  const share = multiply(money(asset, amount), BigInt(feeBps), 10_000n, 'half-even').amount
  const fee = share + feeFixed
  return fee < amount ? fee : amount
}
