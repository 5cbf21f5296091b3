import type { Asset } from '#money'
import { type Db, type Queryable, sql } from '#platform/database/db'
import { BALANCE_RAIL } from '../methods/types.ts'

/** Consistency checks of the books. Each is one statement, so that it sees one state. */

const MAX_ROWS = 20

export const listWrongIntents = (q: Queryable): Promise<{ id: string; is: bigint; should: bigint }[]> =>
  q.many(sql`select i.id, i.received as is, coalesce(sum(s.counted - s.reversed), 0) as should
    from payments.intents i
    left join payments.receipts r on r.intent_id = i.id left join payments.receipt_states s on s.receipt_id = r.id
    where i.received > 0 or i.reversed > 0 or r.id is not null
    group by i.id having i.received <> coalesce(sum(s.counted - s.reversed), 0) or i.reversed <> coalesce(sum(s.reversed), 0)
      or i.refunded <> (select coalesce(sum(f.amount), 0) from payments.refunds f where f.intent_id = i.id and f.state = 'succeeded' and f.asset = i.asset)
      or (i.received >= i.amount and i.status <> 'paid')
      or (i.status = 'paid' and (i.received = 0 or i.received + i.reversed < i.amount - greatest(
        floor(i.amount * coalesce((i.terms ->> 'toleranceBps')::numeric, 0) / 10000),
        coalesce((select max(a.tolerance) from payments.attempts a where a.intent_id = i.id and a.state = 'settled'), 0))))
    order by i.id limit ${MAX_ROWS}`)

export const listUnsettled = (q: Queryable): Promise<{ id: string; settled: boolean }[]> =>
  q.many(sql`select a.id, a.state = 'settled' as settled from payments.attempts a
    where (a.state = 'settled') <> exists (select from payments.receipts r where r.attempt_id = a.id)
    order by a.id limit ${MAX_ROWS}`)

/** Lists receipts whose state differs from the sum of their entries. */
export const listWrongReceipts = (q: Queryable): Promise<{ id: string; is: bigint; should: bigint }[]> =>
  q.many(sql`select r.id, coalesce(s.counted - s.reversed, -1) as is, coalesce(e.amount, 0) as should
    from payments.receipts r
    join payments.intents i on i.id = r.intent_id
    left join payments.receipt_states s on s.receipt_id = r.id
    left join (select receipt_id, sum(case kind when 'receipt' then amount - excess when 'raise' then amount else excess - amount end) as amount
      from payments.receipt_entries where kind <> 'fee' group by receipt_id) e on e.receipt_id = r.id
    where e.amount is null or s.receipt_id is null
      or (r.asset = i.asset and s.counted - s.reversed <> e.amount)
    order by r.id limit ${MAX_ROWS}`)

/** Lists payments whose excess differs from the sum of their entries. */
export const listWrongExcess = (q: Queryable): Promise<{ id: string; is: bigint; should: bigint }[]> =>
  q.many(sql`select r.intent_id as id, sum(s.excess) as is, sum(coalesce(e.excess, 0) + coalesce(x.excess, 0)) as should
    from payments.receipts r
    join payments.receipt_states s on s.receipt_id = r.id
    left join (select receipt_id, sum(case kind when 'receipt' then -excess else excess end) as excess
      from payments.receipt_entries where excess > 0 group by receipt_id) e on e.receipt_id = r.id
    left join (select receipt_id, sum(excess) as excess from payments.exchanges where excess > 0 group by receipt_id) x on x.receipt_id = r.id
    where s.excess > 0 or e.excess is not null or x.excess is not null
    group by r.intent_id having sum(s.excess) <> sum(coalesce(e.excess, 0) + coalesce(x.excess, 0))
    order by 1 limit ${MAX_ROWS}`)

export interface Clearing {
  rail: string
  railAccount: string
  asset: Asset
  /** Amount that the provider holds for us. */
  amount: bigint
}

export const listClearing = (q: Queryable): Promise<Clearing[]> =>
  q.many(sql`select rail, rail_account as "railAccount", asset,
      sum(case kind when 'receipt' then amount when 'raise' then amount else -amount end) as amount
    from payments.receipt_entries where rail <> ${BALANCE_RAIL} group by 1, 2, 3 order by 1, 2, 3 limit 1000`)

/**
 * Runs a check in one read-only snapshot. The check reads two modules, and a payment committed in between would look
 * like a difference.
 */
export async function readInSnapshot(q: Queryable | Db, check: (q: Queryable) => Promise<string[]>): Promise<string[]> {
  if (!('transaction' in q)) return check(q)
  return q.transaction(check, { snapshot: true })
}

/** Lists receipts in another asset than their intent's whose exchanges do not add up to their counted amount. */
export const listWrongExchanges = (q: Queryable): Promise<{ id: string; is: bigint; should: bigint }[]> =>
  q.many(sql`select r.id, s.counted - s.reversed as is, coalesce(e.amount, 0) as should
    from payments.receipts r
    join payments.intents i on i.id = r.intent_id
    join payments.receipt_states s on s.receipt_id = r.id
    left join (select receipt_id, sum(amount) as amount from (
        select receipt_id, case kind when 'in' then counted else excess - counted end as amount from payments.exchanges
        -- A refund in the payment's own asset exchanges nothing back.
        union all select n.receipt_id, n.excess - n.amount from payments.receipt_entries n join payments.refund_parts p on p.receipt_id = n.receipt_id
          join payments.refunds f on f.id = p.refund_id and n.reason = 'refund ' || f.id
          where exists (select from payments.exchanges x where x.receipt_id = n.receipt_id)) moved
      group by receipt_id) e on e.receipt_id = r.id
    where r.asset <> i.asset and s.counted - s.reversed <> coalesce(e.amount, 0)
    order by r.id limit ${MAX_ROWS}`)

/** Lists deposits that do not match their receipt: final without a receipt, or not final with one. */
export const listWrongDeposits = (q: Queryable): Promise<{ id: string; state: string }[]> =>
  q.many(sql`select g.provider_id as id, g.state from payments.deposits g
    left join payments.receipts r on r.rail = g.rail and r.rail_account = g.rail_account and r.provider_id = g.provider_id
    where (g.state = 'final') and r.id is null or (g.state = 'seen' and r.id is not null)
    order by g.provider_id limit ${MAX_ROWS}`)
