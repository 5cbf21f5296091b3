import { isId } from '#platform/ids'
import { transactMoney, type Core } from '../core.ts'
import { lockIntent } from '../intent-store.ts'
import { noSuchRefund, refundOver } from './errors.ts'
import { statusOfRefund } from './state.ts'
import { findRefund, lockRefund, type RefundRow } from './store.ts'
import { endUnsent } from './unsent.ts'
import type { RefundWork } from './work.ts'

/** Takes a link back that nobody has used: by the merchant, or because its time is over. Repeatable. */
export async function cancelRefund(
  core: Core,
  { id, merchantId }: { id: string; merchantId: string },
): Promise<RefundRow> {
  const row = isId('re', id) ? await findRefund(core.db, id) : undefined
  if (row?.merchantId !== merchantId) throw noSuchRefund()
  const after = await endClaim(core, row, 'canceled')
  if (after.state !== 'canceled') throw refundOver(statusOfRefund(after.state))
  return after
}

/** Ends a link that waits for its payer; one that was used meanwhile stays as it is. @returns the refund as it is then */
export const endClaim = (core: Core, { id, intentId }: RefundRow, state: 'canceled' | 'expired'): Promise<RefundRow> =>
  transactMoney(core, async (tx, contended) => {
    const intent = await lockIntent(tx, intentId)
    const row = await lockRefund(tx, id)
    if (!intent || row.state !== 'claimable') return row
    const now = core.clock.now()
    const work: RefundWork = { tx, core, now, intent, row, contended, transfers: [] }
    const after = await endUnsent(work, state)
    if (work.transfers.length > 0) await core.ledger.post(tx, work.transfers)
    return after
  })
