import type { Queryable } from '#platform/db'
import { listSetPrices } from './store.ts'

/** Prices are kept in units of 1e-18 USD. */
const SCALE = 18
const UNIT = 10n ** BigInt(SCALE)

/** USD for one coin. */
const COINS = { BTC: '65000', ETH: '3400', SOL: '150', USDC: '1.0001', USDT: '0.9998' }
/** Units for one USD. Round figures for trying things out, of no day in particular. */
// prettier-ignore
const PER_USD = {
  AED: '3.6725', AUD: '1.52', BRL: '5.4', CAD: '1.37', CHF: '0.88', CNY: '7.2', CZK: '23', DKK: '6.9', EGP: '48',
  ETB: '57', EUR: '0.92', GBP: '0.79', GHS: '15', HKD: '7.8', HUF: '360', IDR: '16000', ILS: '3.7', INR: '83.5',
  JPY: '155', KES: '129.5', KRW: '1370', MWK: '1735', MXN: '17', MYR: '4.7', MZN: '63.9', NGN: '1480', NOK: '10.6',
  NZD: '1.63', PHP: '58', PKR: '278', PLN: '3.95', RON: '4.58', RWF: '1300', SAR: '3.75', SEK: '10.6', SGD: '1.35',
  THB: '36.5', TRY: '32.5', TZS: '2600', UAH: '40.5', UGX: '3750', VND: '25400', XAF: '603', XOF: '603', ZAR: '18.5',
  ZMW: '26',
}

/** `65000.5` → units; undefined when it is no decimal above zero with at most 18 places. */
export function parseUsd(text: string): bigint | undefined {
  const [, whole = '', decimals = ''] = /^(\d{1,15})(?:\.(\d{1,18}))?$/.exec(text) ?? []
  const units = whole === '' ? 0n : BigInt(whole + decimals.padEnd(SCALE, '0'))
  return units > 0n ? units : undefined
}

/** USD for one when `text` is what one USD is worth. */
export function parsePerUsd(text: string): bigint | undefined {
  const units = parseUsd(text)
  return units === undefined ? undefined : (UNIT * UNIT) / units || undefined
}

const CONSTANTS: ReadonlyMap<string, bigint> = new Map([
  ['USD', UNIT],
  ...Object.entries(COINS).map(([code, text]) => [code, parseUsd(text) ?? UNIT] as const),
  ...Object.entries(PER_USD).map(([code, text]) => [code, parsePerUsd(text) ?? UNIT] as const),
])

export const isPriced = (currency: string): boolean => currency !== 'USD' && CONSTANTS.has(currency)

export interface Market {
  readonly currencies: readonly string[]
  /** What one `base` is worth in `quote`, to 18 places. Undefined for what has no price. */
  price(base: string, quote: string): string | undefined
}

/** `perMille`: what this source adds to or takes from the value of coins, in thousandths of a percent, since no two sources agree to the cent. */
export async function readMarket(
  q: Queryable,
  { perMille, percent }: { perMille: bigint; percent: number },
): Promise<Market> {
  const values = new Map([...CONSTANTS, ...(await listSetPrices(q))])
  const valueOf = (currency: string): bigint | undefined => {
    const usd = values.get(currency)
    if (usd === undefined || !(currency in COINS)) return usd
    return (usd * (100_000n + perMille) * BigInt(percent)) / (100_000n * 100n)
  }
  return {
    currencies: [...values.keys()],
    price: (base, quote) => {
      const [of, by] = [valueOf(base), valueOf(quote)]
      return of && by ? format((of * UNIT) / by) : undefined
    },
  }
}

function format(units: bigint): string {
  const digits = units.toString().padStart(SCALE + 1, '0')
  return `${digits.slice(0, -SCALE)}.${digits.slice(-SCALE)}`.replace(/\.?0+$/, '')
}
