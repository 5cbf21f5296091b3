import type { Account, Transfer } from '#ledger'
import type { Tx } from '#platform/database/db'
import { deriveUuid } from '#platform/base/ids'
import type { DueQueue } from '#platform/runtime/jobs'
import type { Context } from '../context.ts'
import { availableOf, debtOf } from '../postings.ts'
import { lockAccount } from '../store/receipts.ts'
import {
  claimSettlements,
  findSettlement,
  lockSettlement,
  SETTLEMENTS,
  type ClaimedSettlement,
  type SettlementRow,
  updateSettlement,
} from '../store/settlements.ts'
import { pendingAccount, SETTLEMENTS_QUEUE } from './holding.ts'
import { notifySettlementOwner } from './notify.ts'
import { settlementFee } from './terms.ts'

const FEE_SHARDS = 32

/** Account of the operator that receives settlement fees. */
const feesAccount = (asset: Account['asset']): Account => ({
  code: 'desk:fees',
  asset,
  mayOverdraw: true,
  shards: FEE_SHARDS,
})

/** Queue of settlements that are due. */
export function settlementsQueue(context: Context): DueQueue<ClaimedSettlement> {
  return {
    name: SETTLEMENTS_QUEUE,
    concurrency: 4,
    batch: 32,
    idleMs: 1000,
    claims: SETTLEMENTS,
    claim: (limit, now, holder) => claimSettlements(context.db, limit, now, holder),
    handle: (claimed) => context.db.transaction((tx) => settle(context, tx, claimed), { repeatable: true }),
  }
}

async function settle(context: Context, tx: Tx, { id, claim }: ClaimedSettlement): Promise<void> {
  const found = await findSettlement(tx, id)
  if (found?.state !== 'pending') return
  // Reversals lock the debt before the settlement, too.
  const debt = await lockDebt(context, tx, found)
  const row = await lockSettlement(tx, id)
  if (row?.state !== 'pending' || row.claim !== claim) return
  const amount = row.credited - row.returned
  const fee = settlementFee(row.asset, amount, row)
  const version = row.version + 1
  await updateSettlement(tx, { ...row, fee, version, state: 'settled', settledAt: context.clock.now() })
  await context.ledger.post(tx, settleTransfers(row, amount, fee, debt))
  await notifySettlementOwner(context, tx, { id, version }, 'completed')
}

/** Locks the merchant's debt and returns it. The lock is taken without a debt, too: a concurrent reversal may be creating one. */
async function lockDebt({ ledger }: Context, tx: Tx, { account, asset }: SettlementRow): Promise<bigint> {
  const { code } = debtOf({ account, asset })
  await lockAccount(tx, `${code} ${asset}`)
  const { posted } = await ledger.balance(tx, code, asset)
  return posted < 0n ? -posted : 0n
}

function settleTransfers(row: SettlementRow, amount: bigint, fee: bigint, debt: bigint): Transfer[] {
  const { id, account, asset } = row
  const net = amount - fee
  const repaid = debt < net ? debt : net
  const from = pendingAccount(account, asset)
  const part = (purpose: string, to: Account, sum: bigint): Transfer[] =>
    sum > 0n
      ? [{ id: deriveUuid(id, purpose), from, to, amount: sum, kind: `payments.settlement-${purpose}`, ref: id }]
      : []
  return [
    ...part('fee', feesAccount(asset), fee),
    ...part('repay', debtOf({ account, asset }), repaid),
    ...part('net', availableOf({ account, asset }), net - repaid),
  ]
}
