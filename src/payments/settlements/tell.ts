import type { Tx } from '#platform/db'
import type { PaymentsDeps } from '../face.ts'

/** Payload of the job that hears of settlements. `returned`: all of it went back to the payer before; `created` again: it came back. */
export interface SettlementChange {
  readonly settlementId: string
  readonly type: 'created' | 'completed' | 'returned'
  /** Grows with each change that is told. */
  readonly version: number
}

export type TellDeps = Pick<PaymentsDeps, 'jobs' | 'settlementChanged'>

/** Writes the job of whoever wants to hear, in the transaction of the change. */
export async function tellSettlement(
  { jobs, settlementChanged }: TellDeps,
  tx: Tx,
  { id: settlementId, version }: { id: string; version: number },
  type: SettlementChange['type'],
): Promise<void> {
  if (!settlementChanged) return
  await jobs().enqueue(tx, settlementChanged, { settlementId, type, version })
  tx.afterCommit(() => jobs().wake())
}
