import { sql, type Tx } from '#platform/database/db'

/** SQL for M-Pesa payouts to phones. */

export interface Payout {
  readonly id: string
  readonly conversationId: string
  readonly phone: string
  readonly shillings: bigint
  readonly resultUrl: string
  readonly timeoutUrl: string
  readonly createdAt: Date
  readonly dueAt: Date
  readonly resultCode: string | null
  readonly transactionId: string | null
}

/** Returns false when the id was used before. */
export async function insertPayout(tx: Tx, row: Payout): Promise<boolean> {
  const written =
    await tx.run(sql`insert into sandbox.payouts (id, conversation_id, phone, shillings, result_url, timeout_url, created_at, due_at)
    values (${row.id}, ${row.conversationId}, ${row.phone}, ${row.shillings}, ${row.resultUrl}, ${row.timeoutUrl}, ${row.createdAt}, ${row.dueAt})
    on conflict (id) do nothing`)
  return written === 1
}

export const lockPayout = (tx: Tx, id: string): Promise<Payout | undefined> =>
  tx.maybe(sql`select id, conversation_id as "conversationId", phone, shillings, result_url as "resultUrl", timeout_url as "timeoutUrl",
      created_at as "createdAt", due_at as "dueAt", result_code as "resultCode", transaction_id as "transactionId"
    from sandbox.payouts where id = ${id} for update`)

type Ended = Pick<Payout, 'id' | 'resultCode' | 'transactionId'>

export async function endPayout(tx: Tx, { id, resultCode, transactionId }: Ended): Promise<void> {
  await tx.run(
    sql`update sandbox.payouts set result_code = ${resultCode}, transaction_id = ${transactionId} where id = ${id}`,
  )
}
