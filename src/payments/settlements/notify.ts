import type { Tx } from '#platform/database/db'
import type { Job, Jobs } from '#platform/runtime/jobs'
import type { SettlementChange } from './types.ts'

export interface NotifyDeps {
  readonly jobs: () => Pick<Jobs, 'enqueue' | 'wake'>
  readonly settlementChanged?: Job<SettlementChange> | undefined
}

/** Enqueues the job that notifies of a settlement, in the transaction of the change. */
export async function notifySettlementOwner(
  { jobs, settlementChanged }: NotifyDeps,
  tx: Tx,
  { id: settlementId, version }: { id: string; version: number },
  type: SettlementChange['type'],
): Promise<void> {
  if (!settlementChanged) return
  await jobs().enqueue(tx, settlementChanged, { settlementId, type, version })
  tx.afterCommit(() => jobs().wake())
}
