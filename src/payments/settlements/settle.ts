import type { Account, Transfer } from '#ledger'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { deriveUuid } from '#platform/base/ids'
import type { DueQueue } from '#platform/runtime/jobs'
import type { Context } from '../context.ts'
import { availableOf, debtOf } from '../postings.ts'
import { lockAccount } from '../store/receipts.ts'
import {
  claimSettlements,
  findSettlement,
  freeSettlements,
  lockSettlement,
  type SettlementRow,
  updateSettlement,
} from '../store/settlements.ts'
import { pendingOf, SETTLEMENTS_QUEUE } from './holding.ts'
import { notifySettlementOwner } from './notify.ts'
import { feeOf } from './terms.ts'

const LEASE_MS = 60_000
const FEE_SHARDS = 32

/** What merchants are charged: the operator's. */
const feesOf = (asset: Account['asset']): Account => ({
  code: 'desk:fees',
  asset,
  mayOverdraw: true,
  shards: FEE_SHARDS,
})

/** What is due to become available. */
export function settlementsQueue(context: Context): DueQueue<{ id: string }> {
  return {
    name: SETTLEMENTS_QUEUE,
    concurrency: 4,
    batch: 32,
    idleMs: 1000,
    claim: (limit, now) => claimSettlements(context.db, limit, now, addMs(now, LEASE_MS)),
    releaseClaims: (now) => freeSettlements(context.db, now),
    handle: ({ id }) => context.db.transaction((tx) => settle(context, tx, id)),
  }
}

async function settle(context: Context, tx: Tx, id: string): Promise<void> {
  const found = await findSettlement(tx, id)
  if (found?.state !== 'pending') return
  // Before the row's lock, as reversals take the two.
  const owed = await debtOfMerchant(context, tx, found)
  const row = await lockSettlement(tx, id)
  if (row?.state !== 'pending') return
  const amount = row.credited - row.returned
  const fee = feeOf(row.asset, amount, row)
  const version = row.version + 1
  await updateSettlement(tx, { ...row, fee, version, state: 'settled', settledAt: context.clock.now() })
  await context.ledger.post(tx, settleTransfers(row, amount, fee, owed))
  await notifySettlementOwner(context, tx, { id, version }, 'completed')
}

/** What is owed is repaid before anything becomes available. Locked also when there is none: a reversal beside it may just be making one. */
async function debtOfMerchant({ ledger }: Context, tx: Tx, { account, asset }: SettlementRow): Promise<bigint> {
  const { code } = debtOf({ account, asset })
  await lockAccount(tx, `${code} ${asset}`)
  const { posted } = await ledger.balance(tx, code, asset)
  return posted < 0n ? -posted : 0n
}

function settleTransfers(row: SettlementRow, amount: bigint, fee: bigint, owed: bigint): Transfer[] {
  const { id, account, asset } = row
  const net = amount - fee
  const repaid = owed < net ? owed : net
  const from = pendingOf(account, asset)
  const part = (purpose: string, to: Account, sum: bigint): Transfer[] =>
    sum > 0n
      ? [{ id: deriveUuid(id, purpose), from, to, amount: sum, kind: `payments.settlement-${purpose}`, ref: id }]
      : []
  return [
    ...part('fee', feesOf(asset), fee),
    ...part('repay', debtOf({ account, asset }), repaid),
    ...part('net', availableOf({ account, asset }), net - repaid),
  ]
}
