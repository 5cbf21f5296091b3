import { sql, type Queryable } from '#platform/db'
import type { FaultKind } from './faults.ts'

export interface Fault {
  readonly kind: FaultKind
  readonly percent: number
}

export async function listSetPrices(q: Queryable): Promise<ReadonlyMap<string, bigint>> {
  const rows = await q.many<{ currency: string; usd: bigint }>(sql`select currency, usd from sandbox.prices limit 200`)
  return new Map(rows.map(({ currency, usd }) => [currency, usd]))
}

export async function setPrice(q: Queryable, currency: string, usd: bigint): Promise<void> {
  await q.run(sql`insert into sandbox.prices (currency, usd) values (${currency}, ${usd})
    on conflict (currency) do update set usd = excluded.usd`)
}

/** `answers` 0 ends it. */
export async function setFault(
  q: Queryable,
  source: string,
  { kind, percent, answers }: Fault & { answers: number },
): Promise<void> {
  await q.run(sql`insert into sandbox.price_faults (source, kind, answers_left, percent)
    values (${source}, ${kind}, ${answers}, ${percent})
    on conflict (source) do update set kind = excluded.kind, answers_left = excluded.answers_left,
      percent = excluded.percent`)
}

/** The fault of this answer, counted off. */
export const takeFault = (q: Queryable, source: string): Promise<Fault | undefined> =>
  q.maybe<Fault>(sql`update sandbox.price_faults set answers_left = answers_left - 1
    where source = ${source} and answers_left > 0 returning kind, percent`)
