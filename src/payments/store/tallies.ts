import { type Queryable, sql } from '#platform/database/db'

/**
 * All SQL on payments.tallies, and the counts behind them. Ids are in order of creation, so a time range is an id
 * range.
 */

export interface Tally {
  readonly until: Date
  /** Number of payments created before `until`. */
  readonly created: bigint
}

export const findLatestTally = (q: Queryable): Promise<Tally | undefined> =>
  q.maybe(sql`select until, created from payments.tallies order by until desc limit 1`)

export const findTally = (q: Queryable, until: Date): Promise<Tally | undefined> =>
  q.maybe(sql`select until, created from payments.tallies where until = ${until}`)

export async function insertTally(q: Queryable, { until, created }: Tally): Promise<void> {
  await q.run(sql`insert into payments.tallies (until, created) values (${until}, ${created}) on conflict do nothing`)
}

/** Counts the intents with ids from `from` to `to`, which is excluded. */
export async function countIntents(q: Queryable, from: string, to: string): Promise<bigint> {
  const { count } = await q.one<{ count: bigint }>(
    sql`select count(*) as count from payments.intents where id >= ${from} and id < ${to}`,
  )
  return count
}

/** Counts the ended attempts among the newest `limit` attempts from `from` on, and those that received money. */
export const countEnded = (q: Queryable, from: string, limit: number): Promise<{ ended: number; succeeded: number }> =>
  q.one(sql`select count(*)::int as ended, (count(*) filter (where state = 'settled'))::int as succeeded
    from (select state from payments.attempts where id >= ${from} order by id desc limit ${limit}) newest
    where state in ('settled', 'failed', 'abandoned')`)
