import { assetOf, isCurrency, isZero, parseAmount } from '#money'
import type { RailStatement, StatementLine } from '#rails/contract'
import { parseMobile } from '#platform/base/phone'
import type { Airtel, AirtelTransaction } from './client.ts'
import { STATUSES } from './codes.ts'

/** Airtel does not document how far back its list reaches. */
const REACH_MS = 31 * 24 * 60 * 60_000
const PAYMENT = 'MERCHPAY'

/** Lists payments to the merchant from Transactions Summary. Lines have Airtel's numbers and the payers, but not our ids. */
export const createStatement = (airtel: Airtel, unavailable: () => string | undefined): RailStatement => ({
  reachMs: REACH_MS,
  unavailable,
  list: async ({ from, to, cursor = '0' }) => {
    const offset = Number.parseInt(cursor, 10)
    const listed = await airtel.listTransactions({ from, to, offset })
    const lines = listed.filter(isPaid).map(lineOf)
    // It is not documented whether `count` is of the page or of all. The list ends with an empty page.
    return { lines, cursor: listed.length > 0 ? String(offset + listed.length) : undefined }
  },
})

const isPaid = ({ service, status }: AirtelTransaction): boolean =>
  service === PAYMENT && Object.hasOwn(STATUSES, status) && STATUSES[status] === 'paid'

function lineOf({ moneyId: id, amount, currency = 'KES', at, msisdn = '' }: AirtelTransaction): StatementLine {
  const gross = isCurrency(currency) ? parseAmount(amount, assetOf(currency)) : { problem: 'is an unknown currency' }
  if ('problem' in gross || isZero(gross)) throw new RangeError(`Airtel's list has an invalid line: ${id.slice(0, 40)}`)
  // Airtel writes phone numbers without the country code.
  const payerPhone = parseMobile(msisdn, 'KE')
  return { id, number: id, gross, at, ...(payerPhone !== undefined && { payerPhone }) }
}
