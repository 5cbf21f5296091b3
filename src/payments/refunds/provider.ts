import { insertRefund, type RefundPart, type RefundRow } from './store.ts'
import { tellOwner } from './tell.ts'
import type { ReceiptRow } from '../receipt-store.ts'
import type { Work } from '../work.ts'

export interface Unasked extends Pick<RefundRow, 'asset' | 'amount' | 'rail' | 'railAccount'> {
  /** The provider's id of it. */
  readonly reference: string
  readonly parts: readonly RefundPart[]
}

/** A refund that went without our asking, as it is counted: so that it is listed beside ours and counted once with them. */
export async function noteProviderRefund(
  { tx, core, now, intent }: Pick<Work, 'tx' | 'core' | 'now' | 'intent'>,
  { parts, ...unasked }: Unasked,
): Promise<RefundRow> {
  const row: RefundRow = {
    id: core.ids.next('re'),
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
    checks: 0,
    version: 1,
    createdAt: now,
    submittedAt: null,
    endedAt: now,
    ...unasked,
  }
  await insertRefund(tx, row, parts)
  await tellOwner(tx, core, intent.owner, row, 'succeeded')
  return row
}

/** The same for what was given back of one receipt. */
export const noteRefundOf = (
  work: Pick<Work, 'tx' | 'core' | 'now' | 'intent'>,
  { id: receiptId, rail, railAccount }: ReceiptRow,
  refund: Pick<Unasked, 'asset' | 'amount' | 'reference'>,
): Promise<RefundRow> =>
  noteProviderRefund(work, { ...refund, rail, railAccount, parts: [{ receiptId, amount: refund.amount }] })
