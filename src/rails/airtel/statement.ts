import { assetOf, isCurrency, isZero, parseAmount } from '#money'
import type { RailStatement, StatementLine } from '#rails/contract'
import { parseMobile } from '#platform/base/phone'
import type { Airtel, AirtelTransaction } from './client.ts'
import { STATUSES } from './codes.ts'

/** How far back Airtel tells is not documented. */
const REACH_MS = 31 * 24 * 60 * 60_000
const PAYMENT = 'MERCHPAY'

/** Airtel's own list of what came to the merchant (Transactions Summary). It knows its own numbers and payers, not our ids. */
export const createStatement = (airtel: Airtel, unavailable: () => string | undefined): RailStatement => ({
  reachMs: REACH_MS,
  unavailable,
  list: async ({ from, to, cursor = '0' }) => {
    const offset = Number.parseInt(cursor, 10)
    const listed = await airtel.listTransactions({ from, to, offset })
    const lines = listed.filter(isPaid).map(lineOf)
    // Whether its count is of the page or of all is not documented: it is over when nothing more comes.
    return { lines, cursor: listed.length > 0 ? String(offset + listed.length) : undefined }
  },
})

const isPaid = ({ service, status }: AirtelTransaction): boolean =>
  service === PAYMENT && Object.hasOwn(STATUSES, status) && STATUSES[status] === 'paid'

function lineOf({ moneyId: id, amount, currency = 'KES', at, msisdn = '' }: AirtelTransaction): StatementLine {
  const gross = isCurrency(currency) ? parseAmount(amount, assetOf(currency)) : { problem: 'no currency of ours' }
  if ('problem' in gross || isZero(gross))
    throw new RangeError(`A line of Airtel's list cannot be read: ${id.slice(0, 40)}`)
  // Airtel writes it without the country code.
  const payerPhone = parseMobile(msisdn, 'KE')
  return { id, number: id, gross, at, ...(payerPhone !== undefined && { payerPhone }) }
}
