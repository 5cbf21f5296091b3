import type { Daraja, PulledTransaction } from '#clients/daraja'
import { assetOf, isZero, parseAmount } from '#money'
import type { RailStatement, StatementLine } from '#rails/contract'
import { parseMobile } from '#platform/base/phone'

const KES = assetOf('KES')
/** Safaricom gives the last 48 hours; an hour less, so that the begin of a range is never just out of reach. */
const REACH_MS = 47 * 60 * 60_000

/** M-Pesa's own list of what came to the short code (Pull Transactions). It knows receipt numbers and payers, no CheckoutRequestID. */
export const createStatement = (daraja: Daraja, unavailable: () => string | undefined): RailStatement => ({
  reachMs: REACH_MS,
  unavailable,
  list: async ({ from, to, cursor = '0' }) => {
    const offset = Number.parseInt(cursor, 10)
    const pulled = await daraja.pull({ from, to, offset })
    // How many a page holds is not documented: it is over when nothing more comes.
    return { lines: pulled.map(lineOf), cursor: pulled.length > 0 ? String(offset + pulled.length) : undefined }
  },
})

function lineOf({ id, at, phone, amount }: PulledTransaction): StatementLine {
  const gross = parseAmount(amount, KES)
  const takenAt = new Date(at)
  if ('problem' in gross || isZero(gross) || Number.isNaN(takenAt.getTime()))
    throw new RangeError(`A line of M-Pesa's list cannot be read: ${id.slice(0, 40)}`)
  // Some short codes get masked numbers: only a whole one can be compared.
  const payerPhone = parseMobile(phone ?? '', 'KE')
  return { id, number: id, gross, at: takenAt, ...(payerPhone !== undefined && { payerPhone }) }
}
