import { sql, type Queryable } from '#platform/database/db'

export async function listSetPrices(q: Queryable): Promise<ReadonlyMap<string, bigint>> {
  const rows = await q.many<{ currency: string; usd: bigint }>(sql`select currency, usd from sandbox.prices limit 200`)
  return new Map(rows.map(({ currency, usd }) => [currency, usd]))
}

export async function setPrice(q: Queryable, currency: string, usd: bigint): Promise<void> {
  await q.run(sql`insert into sandbox.prices (currency, usd) values (${currency}, ${usd})
    on conflict (currency) do update set usd = excluded.usd`)
}
