import { money } from '#money'
import type { Tx } from '#platform/database/db'
import type { Context } from '../context.ts'
import type { Refund, RefundChange } from '../refunds/types.ts'
import { maskPhone } from '../store/attempts.ts'
import type { RefundRow } from '../store/refunds.ts'
import { claimSecret, isClaimSecret } from './claim-secret.ts'
import { statusOfRefund } from './state.ts'

/** Enqueues the job that notifies the owner, if the owner subscribes to refunds. */
export async function notifyRefundOwner(
  tx: Tx,
  context: Context,
  owner: string,
  { id: refundId, version }: RefundRow,
  type: RefundChange['type'],
): Promise<void> {
  const subscriber = context.refundSubscribers[owner]
  if (!subscriber) return
  await context.jobs().enqueue(tx, subscriber, { refundId, type, version })
  tx.afterCommit(() => context.jobs().wake())
}

/** Renders a row as the public refund. */
export function toRefund(context: Context, row: RefundRow): Refund {
  return {
    id: row.id,
    intentId: row.intentId,
    merchantId: row.merchantId,
    status: statusOfRefund(row.state),
    amount: money(row.asset, row.amount),
    amountBasis: row.amountBasis,
    note: row.note,
    origin: row.origin,
    way: row.way,
    rail: row.rail ?? undefined,
    phone: row.phone === null ? undefined : maskPhone(row.phone),
    number: row.number ?? undefined,
    // A reason is not proven while the refund is pending.
    reason: statusOfRefund(row.state) === 'pending' ? undefined : (row.reason ?? undefined),
    claim: claimOf(context, row),
    version: row.version,
    createdAt: row.createdAt,
    endedAt: row.endedAt ?? undefined,
  }
}

function claimOf({ callbackKey }: Context, row: RefundRow): Refund['claim'] {
  if (row.state !== 'claimable' || row.claimExpiresAt === null) return undefined
  const secret = claimSecret(callbackKey, row.id)
  return isClaimSecret(row, secret.reveal()) ? { secret, expiresAt: row.claimExpiresAt } : undefined
}
