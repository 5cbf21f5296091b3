import { assetOf, currencyOf, money, multiply, scaleOf, type Asset, type Money, type Rounding } from '#money'
import type { Conversion, Rate } from './types.ts'
import { multiplyFractions, type Fraction } from './fraction.ts'

const BPS = 10_000n

/** Converts `from` at the rate and computes the spread. Both amounts are rounded once, from exact numbers. Throws RangeError if the assets differ. */
export function convertAt(
  rate: Rate,
  { from, to, rounding, spreadBps }: { from: Money; to: Asset; rounding: Rounding; spreadBps: number },
): Conversion {
  requireAssets(rate, from.asset, to)
  const amount = scale(from, to, rate.value, rounding)
  const share = { numerator: BigInt(spreadBps), denominator: BPS }
  const spread = spreadBps === 0 ? money(to, 0n) : scale(from, to, multiplyFractions(rate.value, share), rounding)
  return { from, amount, spread, spreadBps, rounding, rate }
}

/** Multiplies an amount by a rate. Amounts are in minor units of two scales, rates in whole units. */
function scale(from: Money, to: Asset, { numerator, denominator }: Fraction, rounding: Rounding): Money {
  const up = numerator * 10n ** BigInt(scaleOf(to))
  const down = denominator * 10n ** BigInt(scaleOf(from.asset))
  return money(to, multiply(from, up, down, rounding).amount)
}

function requireAssets({ base, quote }: Rate, from: Asset, to: Asset): void {
  if (assetOf(base) !== from) throw new RangeError(`A rate of ${base} does not convert ${currencyOf(from)}`)
  if (assetOf(quote) !== to) throw new RangeError(`A rate in ${quote} does not convert to ${currencyOf(to)}`)
}
