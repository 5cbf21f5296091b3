import { isId } from '#platform/base/ids'
import type { Context } from '../context.ts'
import { endClaim } from '../reservations/cancel.ts'
import { noSuchRefund, cannotCancelRefund } from '../reservations/errors.ts'
import { statusOfRefund } from '../reservations/state.ts'
import { findRefund, type RefundRow } from '../store/refunds.ts'

/** Cancels a refund link that no payer has used. See Refunds.cancel. */
export async function cancelRefund(
  context: Context,
  { id, merchantId }: { id: string; merchantId: string },
): Promise<RefundRow> {
  const row = isId('re', id) ? await findRefund(context.db, id) : undefined
  if (row?.merchantId !== merchantId) throw noSuchRefund()
  const after = await endClaim(context, row, 'canceled')
  if (after.state !== 'canceled') throw cannotCancelRefund(statusOfRefund(after.state))
  return after
}
