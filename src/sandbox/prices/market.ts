import type { Queryable } from '#platform/database/db'
import { listSetPrices } from './store.ts'

/** Prices are stored in units of 1e-18 USD. */
const SCALE = 18
const UNIT = 10n ** BigInt(SCALE)

/** USD per coin. */
const COINS = { BTC: '65000', ETH: '3400', SOL: '150', USDC: '1.0001', USDT: '0.9998' }
/** Units per USD: round figures for testing, not of a particular day. Funds codes such as BOV have no price. */
// prettier-ignore
const PER_USD = {
  AED: '3.6725', AFN: '70', ALL: '90', AMD: '390', ANG: '1.79', AOA: '910', ARS: '1400', AUD: '1.52', AWG: '1.79',
  AZN: '1.7', BAM: '1.8', BBD: '2', BDT: '121', BGN: '1.8', BHD: '0.376', BIF: '2950', BMD: '1', BND: '1.35',
  BOB: '6.9', BRL: '5.4', BSD: '1', BTN: '83.5', BWP: '13.6', BYN: '3.3', BZD: '2', CAD: '1.37', CDF: '2800',
  CHF: '0.88', CLP: '950', CNY: '7.2', COP: '4100', CRC: '510', CUP: '24', CVE: '101', CZK: '23', DJF: '178',
  DKK: '6.9', DOP: '60', DZD: '134', EGP: '48', ERN: '15', ETB: '57', EUR: '0.92', FJD: '2.27', FKP: '0.79',
  GBP: '0.79', GEL: '2.7', GHS: '15', GIP: '0.79', GMD: '70', GNF: '8600', GTQ: '7.7', GYD: '209', HKD: '7.8',
  HNL: '25', HTG: '131', HUF: '360', IDR: '16000', ILS: '3.7', INR: '83.5', IQD: '1310', IRR: '42000', ISK: '138',
  JMD: '157', JOD: '0.709', JPY: '155', KES: '129.5', KGS: '87', KHR: '4100', KMF: '453', KPW: '900', KRW: '1370',
  KWD: '0.307', KYD: '0.833', KZT: '480', LAK: '21800', LBP: '89500', LKR: '300', LRD: '190', LSL: '18.5',
  LYD: '4.85', MAD: '10', MDL: '17.8', MGA: '4550', MKD: '56.5', MMK: '2100', MNT: '3400', MOP: '8', MRU: '39.8',
  MUR: '46', MVR: '15.4', MWK: '1735', MXN: '17', MYR: '4.7', MZN: '63.9', NAD: '18.5', NGN: '1480', NIO: '36.8',
  NOK: '10.6', NPR: '133.6', NZD: '1.63', OMR: '0.385', PAB: '1', PEN: '3.75', PGK: '3.9', PHP: '58', PKR: '278',
  PLN: '3.95', PYG: '7500', QAR: '3.64', RON: '4.58', RSD: '108', RUB: '90', RWF: '1300', SAR: '3.75', SBD: '8.4',
  SCR: '13.6', SDG: '600', SEK: '10.6', SGD: '1.35', SHP: '0.79', SLE: '22.6', SOS: '571', SRD: '35', SSP: '1300',
  STD: '22500', STN: '22.5', SVC: '8.75', SYP: '13000', SZL: '18.5', THB: '36.5', TJS: '10.9', TMT: '3.5', TND: '3.1',
  TOP: '2.35', TRY: '32.5', TTD: '6.78', TWD: '32.2', TZS: '2600', UAH: '40.5', UGX: '3750', UYU: '39', UZS: '12700',
  VES: '36.5', VND: '25400', VUV: '119', WST: '2.75', XAF: '603', XCD: '2.7', XCG: '1.79', XOF: '603', XPF: '110',
  YER: '250', ZAR: '18.5', ZMW: '26', ZWG: '13.6',
}

/** Parses `65000.5` to price units. Undefined unless it is a positive decimal with at most 18 places. */
export function parseUsd(text: string): bigint | undefined {
  const [, whole = '', decimals = ''] = /^(\d{1,15})(?:\.(\d{1,18}))?$/.exec(text) ?? []
  const units = whole === '' ? 0n : BigInt(whole + decimals.padEnd(SCALE, '0'))
  return units > 0n ? units : undefined
}

/** Parses the amount of a currency that one USD buys. Returns the price of one unit in USD price units. */
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
  /** Returns the price of one `base` in `quote`, with 18 decimals. Undefined when one of them has no price. */
  price(base: string, quote: string): string | undefined
}

/** `perMille` is this source's deviation in the value of coins, in thousandths of a percent, because real sources never agree to the cent. */
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
