import type { Asset } from '#money'
import { type Queryable, sql, type Tx } from '#platform/database/db'

/** All SQL on payments.exchanges. */

export interface ExchangeRow {
  id: string
  receiptId: string
  kind: 'in' | 'back'
  fromAsset: Asset
  gross: bigint
  spread: bigint
  toAsset: Asset
  counted: bigint
  /** For a reversed exchange: part of `counted` that was already returned before. */
  excess: bigint
  numerator: bigint
  denominator: bigint
  sources: readonly string[]
  rateAt: Date
  transfers: readonly string[]
}

const COLUMNS = sql`id, receipt_id as "receiptId", kind, from_asset as "fromAsset", gross, spread, to_asset as "toAsset", counted, excess, numerator,
  denominator, sources, rate_at as "rateAt", transfers`

export async function insertExchange(tx: Tx, row: ExchangeRow, now: Date): Promise<void> {
  await tx.run(sql`insert into payments.exchanges (id, receipt_id, kind, from_asset, gross, spread, to_asset, counted, excess, numerator, denominator,
      sources, rate_at, transfers, created_at)
    values (${row.id}, ${row.receiptId}, ${row.kind}, ${row.fromAsset}, ${row.gross}, ${row.spread}, ${row.toAsset}, ${row.counted},
      ${row.excess}, ${row.numerator}, ${row.denominator}, ${row.sources}, ${row.rateAt}, ${row.transfers}, ${now})`)
}

/** Lists the exchanges of a receipt: one or two in, and one for each reversal. */
export const listExchanges = (q: Queryable, receiptId: string): Promise<ExchangeRow[]> =>
  q.many(sql`select ${COLUMNS} from payments.exchanges where receipt_id = ${receiptId} order by id limit 100`)

export interface Liquidity {
  asset: Asset
  /** Balance that the account must have after all exchanges. */
  liquidity: bigint
  spread: bigint
}

export const listLiquidity = (q: Queryable): Promise<Liquidity[]> =>
  q.many(sql`select asset, sum(liquidity) as liquidity, sum(spread) as spread from (
      select from_asset as asset, case kind when 'in' then gross - spread else spread - gross end as liquidity,
        case kind when 'in' then spread else -spread end as spread from payments.exchanges
      union all
      select to_asset, case kind when 'in' then -counted else counted end, 0 from payments.exchanges) each
    group by asset order by asset limit 1000`)
