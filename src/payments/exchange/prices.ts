import { type Asset, currencyOf, money, multiply, scaleOf } from '#money'
import { addMs, type Clock } from '#platform/base/clock'
import { AppError, describeError } from '#platform/base/errors'
import type { Log } from '#platform/observe/log'
import type { AmountLimits, Rail } from '#rails/contract'
import type { Fraction, Rates } from '#rates'
import type { Prices } from './types.ts'

/** Returns the asset in which a rail collects an amount in `asset`; undefined when it cannot. */
export const assetFor = ({ assets, exchanges }: Rail, asset: Asset): Asset | undefined =>
  assets.includes(asset) ? asset : exchanges ? assets[0] : undefined

const FRESH_MS = 60_000
const ANY_AMOUNT: AmountLimits = { min: 1n, max: 10n ** 18n, step: 1n }

interface Deps {
  readonly rails: readonly Rail[]
  readonly rates?: Pick<Rates, 'rate'> | undefined
  readonly clock: Clock
  readonly log: Log
}

export function createPrices(context: Deps): Prices {
  const known = new Map<string, Fraction>()
  const unpriced = new Set<string>()
  const asked = new Map<string, { at: Date; done: Promise<void> }>()

  async function fetchPrice(own: Asset, asset: Asset): Promise<void> {
    try {
      const rate = await context.rates?.rate(currencyOf(own), currencyOf(asset))
      if (rate) known.set(`${own} ${asset}`, rate.value)
      unpriced.delete(`${own} ${asset}`)
    } catch (error) {
      if (error instanceof AppError && error.code === 'rates.unknown-pair') unpriced.add(`${own} ${asset}`)
      context.log.warn({ own, asset, why: describeError(error) }, 'no price available for the limits')
    }
  }

  return {
    load: async (asset) => {
      if (!context.rates) return
      for (const rail of context.rails) {
        const own = assetFor(rail, asset)
        if (own === undefined || own === asset || rail.unavailable() !== undefined) continue
        const key = `${own} ${asset}`
        const last = asked.get(key)
        const now = context.clock.now()
        if (!last || now >= addMs(last.at, FRESH_MS)) asked.set(key, { at: now, done: fetchPrice(own, asset) })
        // Wait for the first price only. Later ones refresh in the background.
        if (!known.has(key)) await asked.get(key)?.done
      }
    },
    limits: (rail, asset) => {
      const own = assetFor(rail, asset)
      if (own === undefined || unpriced.has(`${own} ${asset}`)) return undefined
      const { min, max, step } = rail.limits(own)
      if (own === asset) return { min, max, step }
      const price = known.get(`${own} ${asset}`)
      return price
        ? { min: convertLimit(min, { own, asset, price }), max: convertLimit(max, { own, asset, price }), step: 1n }
        : ANY_AMOUNT
    },
  }
}

function convertLimit(amount: bigint, { own, asset, price }: { own: Asset; asset: Asset; price: Fraction }): bigint {
  const up = price.numerator * 10n ** BigInt(scaleOf(asset))
  const down = price.denominator * 10n ** BigInt(scaleOf(own))
  return multiply(money(own, amount), up, down, 'up').amount
}
