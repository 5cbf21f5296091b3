import { formatAmount, type Asset } from '#money'
import { sql, type Queryable } from '#platform/database/db'
import type { Invariant } from '#platform/runtime/module'

/** Maximum sentences per check. The first ones describe the problem. */
const MAX_PROBLEMS = 20

const amount = (asset: Asset, minor: bigint): string => `${formatAmount({ asset, amount: minor })} ${asset}`

interface Found {
  code: string
  asset: Asset
  is: bigint
  should: bigint
}

/** Conditions that hold after every commit. Each is one statement, so it sees one snapshot. Tests, the simulator and production use them. */
export const invariants: readonly Invariant[] = [
  {
    name: 'ledger.sums-to-zero',
    check: async (q) => {
      const rows = await q.many<{ asset: Asset; total: bigint }>(sql`select asset, sum(posted) as total
        from ledger.balances group by asset having sum(posted) <> 0 order by asset limit ${MAX_PROBLEMS}`)
      return rows.map(({ asset, total }) => `All balances of ${asset} add up to ${amount(asset, total)}, not zero.`)
    },
  },
  {
    name: 'ledger.balances-are-sums-of-transfers',
    check: async (q) => {
      const rows = await listWrongBalances(q)
      return rows.map(
        ({ code, asset, is, should }) =>
          `The balance of ${code} is ${amount(asset, is)}, but its transfers add up to ${amount(asset, should)}.`,
      )
    },
  },
  {
    name: 'ledger.no-overdraft',
    check: async (q) => {
      const rows = await q.many<Found>(sql`select a.code, a.asset, sum(b.posted) as is, sum(b.held) as should
        from ledger.accounts a join ledger.balances b on b.account = a.id
        where a.nonneg group by a.code, a.asset having sum(b.posted) < sum(b.held) order by 1, 2 limit ${MAX_PROBLEMS}`)
      return rows.map(
        ({ code, asset, is, should }) =>
          `${code} may not go below zero, but its balance is ${amount(asset, is)}, of which ${amount(asset, should)} is held.`,
      )
    },
  },
  {
    name: 'ledger.held-is-open-holds',
    check: async (q) => {
      const rows = await q.many<Found>(sql`with held as (
          select account, asset, sum(held) as amount from ledger.balances group by account, asset having sum(held) <> 0
        ), open as (
          select account, asset, sum(amount) as amount from ledger.holds where state = 'open' group by account, asset
        )
        select coalesce(a.code, account::text) as code, asset, coalesce(h.amount, 0) as is, coalesce(o.amount, 0) as should
        from held h full join open o using (account, asset) left join (select id, code from ledger.accounts) a on a.id = account
        where h.amount is distinct from o.amount order by 1, 2 limit ${MAX_PROBLEMS}`)
      return rows.map(
        ({ code, asset, is, should }) =>
          `${amount(asset, is)} of ${code} is held, but its open holds add up to ${amount(asset, should)}.`,
      )
    },
  },
  {
    name: 'ledger.balances-follow-accounts',
    check: async (q) => {
      const rows = await q.many<{ code: string; asset: Asset }>(sql`select coalesce(a.code, b.account::text) as code,
          coalesce(a.asset, b.asset) as asset
        from ledger.accounts a
        full join (select account, min(asset) as asset, count(*) as rows, bool_and(nonneg) as all_nonneg, bool_or(nonneg) as nonneg,
            count(distinct asset) as assets, min(shards) as fewest, max(shards) as most
          from ledger.balances group by account) b on b.account = a.id
        where a.id is null or b.account is null or b.assets <> 1 or b.asset <> a.asset or b.rows <> a.shards
          or b.fewest <> a.shards or b.most <> a.shards or b.nonneg <> a.nonneg or b.all_nonneg <> a.nonneg
        order by 1, 2 limit ${MAX_PROBLEMS}`)
      return rows.map(
        ({ code, asset }) => `The balance rows of ${code} (${asset}) do not match its asset, policy or shards.`,
      )
    },
  },
]

const listWrongBalances = (q: Queryable): Promise<Found[]> =>
  q.many(sql`with entries as (
      select account, asset, sum(delta) as amount from (
        select src as account, asset, -amount as delta from ledger.transfers
        union all select dst, asset, amount from ledger.transfers) e
      group by account, asset
    ), balances as (
      select account, asset, sum(posted) as amount from ledger.balances group by account, asset
    )
    select coalesce(a.code, account::text) as code, asset, coalesce(b.amount, 0) as is, coalesce(e.amount, 0) as should
    from balances b full join entries e using (account, asset)
      left join (select id, code from ledger.accounts) a on a.id = account
    where coalesce(b.amount, 0) <> coalesce(e.amount, 0) order by 1, 2 limit ${MAX_PROBLEMS}`)
