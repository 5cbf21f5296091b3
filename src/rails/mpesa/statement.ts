import type { Daraja, PulledTransaction } from '#clients/daraja'
import { assetOf, isZero, parseAmount } from '#money'
import type { RailStatement, StatementLine } from '#rails/contract'
import { parseMobile } from '#platform/base/phone'

const KES = assetOf('KES')
/** Safaricom lists the last 48 hours. One hour less keeps the start of a range within reach. */
const REACH_MS = 47 * 60 * 60_000

/** Lists payments to the short code from Pull Transactions. Lines have receipt numbers and payers, but no CheckoutRequestID. */
export const createStatement = (daraja: Daraja, unavailable: () => string | undefined): RailStatement => ({
  reachMs: REACH_MS,
  unavailable,
  list: async ({ from, to, cursor = '0' }) => {
    const offset = Number.parseInt(cursor, 10)
    const pulled = await daraja.pull({ from, to, offset })
    // The page size is not documented. The list ends with an empty page.
    return { lines: pulled.map(lineOf), cursor: pulled.length > 0 ? String(offset + pulled.length) : undefined }
  },
})

function lineOf({ id, at, phone, amount }: PulledTransaction): StatementLine {
  const gross = parseAmount(amount, KES)
  const takenAt = new Date(at)
  if ('problem' in gross || isZero(gross) || Number.isNaN(takenAt.getTime()))
    throw new RangeError(`M-Pesa's list has an invalid line: ${id.slice(0, 40)}`)
  // Some short codes get masked numbers. Only a complete number can be compared.
  const payerPhone = parseMobile(phone ?? '', 'KE')
  return { id, number: id, gross, at: takenAt, ...(payerPhone !== undefined && { payerPhone }) }
}
