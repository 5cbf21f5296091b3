import type { CardCharge, StripeClient } from '#clients/stripe'
import type { RailStatement, StatementLine } from '#rails/contract'
import { isId } from '#platform/base/ids'
import { fromStripe } from './amounts.ts'
import { ATTEMPT_KEY } from './facts.ts'

/** Stripe keeps charges forever. A year is more than reconciliation compares. */
const REACH_MS = 366 * 24 * 60 * 60_000

/** Lists Stripe's charges. Leaves out charges of other programs on the same account. */
export const createStatement = (client: StripeClient): RailStatement => ({
  reachMs: REACH_MS,
  list: async ({ from, to, cursor }) => {
    const { charges, more } = await client.listCharges({ from, to, after: cursor })
    return { lines: charges.flatMap(lineOf), cursor: more ? charges.at(-1)?.id : undefined }
  },
})

function lineOf({ id, amount, currency, amountReturned, createdAt, succeeded, metadata }: CardCharge): StatementLine[] {
  const attemptId = metadata[ATTEMPT_KEY]
  if (!succeeded || attemptId === undefined || !isId('att', attemptId)) return []
  const gross = fromStripe({ amount, currency })
  const returned = fromStripe({ amount: amountReturned, currency })
  return [{ id, receiptId: id, gross, returned, at: createdAt, attemptId }]
}
