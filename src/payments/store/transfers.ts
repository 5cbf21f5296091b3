import type { Asset } from '#money'
import { type Queryable, sql, type Tx } from '#platform/database/db'
import type { AttemptState } from '../attempts/types.ts'

/** SQL on attempts that are manual transfers. */

export interface TransferRow {
  id: string
  intentId: string
  merchantId: string
  code: string | null
  state: AttemptState
  asset: Asset
  amount: bigint
  sentAt: Date | null
  sentNote: string | null
  createdAt: Date
}

const FIELDS = sql`a.id, a.intent_id as "intentId", i.merchant_id as "merchantId", a.reference as code, a.state, a.asset, a.amount,
  a.sent_at as "sentAt", a.sent_note as "sentNote", a.created_at as "createdAt"`
const FROM = sql`payments.attempts a join payments.intents i on i.id = a.intent_id`

/** Lists transfers that the payer reported as sent and no operator has decided, the oldest report first. */
export const listSentTransfers = (q: Queryable, limit: number, after: string | undefined): Promise<TransferRow[]> =>
  q.many(sql`select ${FIELDS} from ${FROM}
    where a.kind = 'transfer' and a.sent_at is not null and a.state in ('pending', 'unknown')
      and (${after ?? null}::text is null or (a.sent_at, a.id) > (select sent_at, id from payments.attempts where id = ${after ?? null}))
    order by a.sent_at, a.id limit ${limit}`)

/** Finds a transfer by attempt id or payment code, or the newest transfer of an intent. */
export const findTransfer = (
  q: Queryable,
  by: { id?: string; code?: string | undefined; intentId?: string },
): Promise<TransferRow | undefined> =>
  q.maybe(sql`select ${FIELDS} from ${FROM}
    where a.kind = 'transfer' and (a.id = ${by.id ?? null} or a.intent_id = ${by.intentId ?? null}
      or (a.rail = 'transfer' and a.rail_account = 'main' and a.reference = ${by.code ?? null}))
    order by a.id desc limit 1`)

/**
 * Records that the payer reported the transfer as sent. Returns false when it was reported before; the first report
 * stays.
 */
export async function recordTransferSent(tx: Tx, id: string, note: string | null, now: Date): Promise<boolean> {
  const written = await tx.run(sql`update payments.attempts set sent_at = ${now}, sent_note = ${note}
    where id = ${id} and sent_at is null`)
  return written === 1
}

/** Counts the transfers that wait for an operator, and returns when the oldest was reported. */
export const measureSentTransfers = (q: Queryable): Promise<{ waiting: number; since: Date | null }> =>
  q.one(sql`select count(*)::int as waiting, min(sent_at) as since from payments.attempts
    where kind = 'transfer' and sent_at is not null and state in ('pending', 'unknown')`)
