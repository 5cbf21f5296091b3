import type { ReceiptRow } from '../receipt-store.ts'
import type { Work } from '../work.ts'
import { insertRefund, type RefundRow } from './store.ts'
import { tellOwner } from './tell.ts'

/** A refund that was made at the provider without us, as it is counted: so that it is listed beside ours and counted once with them. */
export async function noteProviderRefund(
  { tx, core, now, intent, attempt }: Work,
  receipt: ReceiptRow,
  { amount, reference }: { amount: bigint; reference: string },
): Promise<void> {
  const row: RefundRow = {
    id: core.ids.next('re'),
    intentId: intent.id,
    merchantId: intent.merchantId,
    asset: intent.asset,
    amount,
    held: 0n,
    origin: 'provider',
    way: 'native',
    state: 'succeeded',
    amountBasis: 'paid_rate',
    note: '',
    rail: attempt.rail,
    railAccount: attempt.railAccount,
    phone: null,
    destination: null,
    sending: 1,
    reference,
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
  }
  await insertRefund(tx, row, [{ receiptId: receipt.id, amount }])
  await tellOwner(tx, core, intent.owner, row, 'succeeded')
}
