import { type Asset, money } from '#money'
import { type Queryable, sql, type Tx } from '#platform/database/db'
import type { Deposit } from '../attempts/types.ts'
import type { StoredExchange } from './stored-exchange.ts'

/** All SQL on payments.deposits. */

export interface DepositRow {
  rail: string
  railAccount: string
  providerId: string
  attemptId: string
  asset: Asset
  gross: bigint
  state: 'seen' | 'final' | 'gone'
  late: boolean
  seenAt: Date
  have: number | null
  need: number | null
  risk: 'unconfirmed' | null
  exchange: StoredExchange | null
  counted: bigint | null
}

const COLUMNS = sql`rail, rail_account as "railAccount", provider_id as "providerId", attempt_id as "attemptId", asset, gross, state, late,
  seen_at as "seenAt", have, need, risk, exchange, counted`

export const toDeposit = (row: DepositRow): Deposit => ({
  providerId: row.providerId,
  attemptId: row.attemptId,
  amount: money(row.asset, row.gross),
  state: row.state,
  late: row.late,
  at: row.seenAt,
  confirmations: row.have === null || row.need === null ? undefined : { have: row.have, need: row.need },
  risk: row.risk ?? undefined,
})

type Key = Pick<DepositRow, 'rail' | 'railAccount' | 'providerId'>

export const findDeposit = (q: Queryable, by: Key): Promise<DepositRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.deposits
    where rail = ${by.rail} and rail_account = ${by.railAccount} and provider_id = ${by.providerId}`)

/**
 * Inserts a deposit or updates its state, confirmations, risk, exchange and counted amount. Asset, gross and the
 * time of the first report do not change.
 */
export async function upsertDeposit(tx: Tx, row: DepositRow, now: Date): Promise<void> {
  await tx.run(sql`insert into payments.deposits (rail, rail_account, provider_id, attempt_id, asset, gross, state, late, seen_at, have, need,
      risk, exchange, counted, updated_at)
    values (${row.rail}, ${row.railAccount}, ${row.providerId}, ${row.attemptId}, ${row.asset}, ${row.gross}, ${row.state}, ${row.late},
      ${row.seenAt}, ${row.have}, ${row.need}, ${row.risk}, ${row.exchange}, ${row.counted}, ${now})
    on conflict (rail, rail_account, provider_id) do update set state = excluded.state, have = excluded.have, need = excluded.need,
      risk = excluded.risk, exchange = excluded.exchange, counted = excluded.counted, updated_at = excluded.updated_at`)
}

export const listDeposits = (q: Queryable, attemptIds: readonly string[]): Promise<DepositRow[]> =>
  q.many(sql`select ${COLUMNS} from payments.deposits where attempt_id = any(${attemptIds}) order by seen_at, provider_id
    limit ${attemptIds.length * 100}`)

export interface DepositSums {
  /** Final deposits at the quote, and the amount that they counted for. */
  gross: bigint
  counted: bigint
  /** Deposits that are not final yet. */
  waiting: bigint
  /** Whether the attempt has a deposit that is not final, at any quote. */
  unconfirmed: boolean
}

/** Sums the deposits of an attempt at one quote (null: without a quote). Call it under the intent's lock. */
export const sumDeposits = (tx: Tx, attemptId: string, quoteId: string | null): Promise<DepositSums> =>
  tx.one(sql`select
      coalesce(sum(gross) filter (where state = 'final' and same), 0) as gross,
      coalesce(sum(counted) filter (where state = 'final' and same), 0) as counted,
      coalesce(sum(gross) filter (where state = 'seen' and same), 0) as waiting,
      coalesce(bool_or(state = 'seen'), false) as unconfirmed
    from (select gross, counted, state, exchange ->> 'quoteId' is not distinct from ${quoteId} as same
      from payments.deposits where attempt_id = ${attemptId}) each`)
