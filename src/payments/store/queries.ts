import { type Queryable, sql } from '#platform/database/db'

/** All SQL on payments.rail_queries. */

export async function storeAnswered(q: Queryable, rail: string): Promise<void> {
  await q.run(
    sql`update payments.rail_queries set failing_since = null where rail = ${rail} and failing_since is not null`,
  )
}

export async function storeUnanswered(q: Queryable, rail: string, now: Date): Promise<void> {
  await q.run(sql`insert into payments.rail_queries (rail, failing_since, failed_at) values (${rail}, ${now}, ${now})
    on conflict (rail) do update set failing_since = coalesce(rail_queries.failing_since, ${now}), failed_at = ${now}`)
}

/** Lists rails whose queries have failed since `since` or earlier, and at least once after `after`. */
export const listUnanswered = (q: Queryable, since: Date, after: Date): Promise<{ rail: string; since: Date }[]> =>
  q.many(sql`select rail, failing_since as since from payments.rail_queries
    where failing_since <= ${since} and failed_at >= ${after} order by rail limit 100`)
