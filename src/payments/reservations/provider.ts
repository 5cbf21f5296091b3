import type { ReceiptRow } from '../store/receipts.ts'
import { insertRefund, type RefundPart, type RefundRow } from '../store/refunds.ts'
import type { UnitOfWork } from '../unit-of-work.ts'
import { notifyRefundOwner } from './refund.ts'

export interface UnrequestedRefund extends Pick<RefundRow, 'asset' | 'amount' | 'rail' | 'railAccount'> {
  /** The provider's id of the refund. */
  readonly reference: string
  readonly parts: readonly RefundPart[]
}

/** Inserts a refund that was created at the provider, so that it is listed with the other refunds and counted once. */
export async function insertProviderRefund(
  { tx, context, now, intent }: Pick<UnitOfWork, 'tx' | 'context' | 'now' | 'intent'>,
  { parts, ...unasked }: UnrequestedRefund,
): Promise<RefundRow> {
  const row: RefundRow = {
    id: context.ids.next('re'),
    intentId: intent.id,
    merchantId: intent.merchantId,
    held: 0n,
    origin: 'provider',
    way: 'native',
    state: 'succeeded',
    amountBasis: 'paid_rate',
    note: '',
    phone: null,
    destination: null,
    sending: 1,
    takenSending: 1,
    number: null,
    reason: null,
    why: null,
    claimHash: null,
    claimExpiresAt: null,
    idempotencyKey: null,
    requestHash: null,
    dueAt: null,
    claimedBy: null,
    claim: 0n,
    checks: 0,
    version: 1,
    createdAt: now,
    submittedAt: null,
    endedAt: now,
    ...unasked,
  }
  await insertRefund(tx, row, parts)
  await notifyRefundOwner(tx, context, intent.owner, row, 'succeeded')
  return row
}

/** Inserts a provider refund of a single receipt. */
export const recordProviderRefund = (
  unit: Pick<UnitOfWork, 'tx' | 'context' | 'now' | 'intent'>,
  { id: receiptId, rail, railAccount }: ReceiptRow,
  refund: Pick<UnrequestedRefund, 'asset' | 'amount' | 'reference'>,
): Promise<RefundRow> =>
  insertProviderRefund(unit, { ...refund, rail, railAccount, parts: [{ receiptId, amount: refund.amount }] })
