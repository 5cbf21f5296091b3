import { money } from '#money'
import type { Attempt } from '../attempts/types.ts'
import { isCustomerAccount } from '../postings.ts'
import type { Receipt } from '../receipts/types.ts'
import type { IntentRow } from '../store/intents.ts'
import { flagsOf } from './state.ts'
import type { Intent } from './types.ts'

export function toIntent(row: IntentRow, attempts: readonly Attempt[] = [], receipts: readonly Receipt[] = []): Intent {
  return {
    id: row.id,
    merchantId: row.merchantId,
    owner: row.owner,
    livemode: row.livemode,
    amount: money(row.asset, row.amount),
    received: money(row.asset, row.received),
    refunded: money(row.asset, row.refunded),
    reversed: money(row.asset, row.reversed),
    status: row.status,
    flags: flagsOf(row),
    methods: row.methods,
    description: row.description,
    reference: row.reference ?? undefined,
    customer: row.customer ?? undefined,
    topUp: isCustomerAccount(row.account),
    returnUrl: row.returnUrl ?? undefined,
    metadata: row.metadata,
    terms: row.terms,
    version: row.version,
    expiresAt: row.expiresAt,
    onlyTransferFrom: row.firstExpiresAt ?? undefined,
    canceledAt: row.canceledAt ?? undefined,
    createdAt: row.createdAt,
    attempts,
    receipts,
    uncounted: [],
  }
}
