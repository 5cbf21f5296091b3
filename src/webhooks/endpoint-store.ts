import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Endpoint, EndpointKey } from './types.ts'

/** SQL for webhooks.endpoints and webhooks.secrets. */

type Nulls<T> = { [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] }
type Row = Nulls<Endpoint>

const columns = sql`id, merchant_id as "merchantId", livemode, url, description, events, created_at as "createdAt",
  failing_since as "failingSince", disabled_at as "disabledAt", disabled_why as "disabledWhy"`

const toEndpoint = (row: Row): Endpoint => ({
  ...row,
  failingSince: row.failingSince ?? undefined,
  disabledAt: row.disabledAt ?? undefined,
  disabledWhy: row.disabledWhy ?? undefined,
})

/** Serializes changes to the number of this merchant's endpoints until the transaction ends. */
export const lockEndpoints = (tx: Tx, merchantId: string): Promise<object> =>
  tx.one(
    sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks.endpoints ${merchantId}`}, 0)) is null as locked`,
  )

export async function insertEndpoint(tx: Tx, row: Row): Promise<void> {
  await tx.run(sql`insert into webhooks.endpoints (id, merchant_id, livemode, url, description, events, created_at)
    values (${row.id}, ${row.merchantId}, ${row.livemode}, ${row.url}, ${row.description}, ${row.events}, ${row.createdAt})`)
}

export async function readEndpoint(q: Queryable, key: EndpointKey): Promise<Endpoint | undefined> {
  const row = await q.maybe<Row>(sql`select ${columns} from webhooks.endpoints
    where id = ${key.id} and merchant_id = ${key.merchantId} and deleted_at is null`)
  return row && toEndpoint(row)
}

/** Locks the row until the transaction ends. */
export async function readForChange(tx: Tx, key: EndpointKey): Promise<Endpoint | undefined> {
  const row = await tx.maybe<Row>(sql`select ${columns} from webhooks.endpoints
    where id = ${key.id} and merchant_id = ${key.merchantId} and deleted_at is null for no key update`)
  return row && toEndpoint(row)
}

export async function readEndpoints(q: Queryable, merchantId: string, limit: number): Promise<Endpoint[]> {
  const rows = await q.many<Row>(sql`select ${columns} from webhooks.endpoints
    where merchant_id = ${merchantId} and deleted_at is null order by id limit ${limit}`)
  return rows.map(toEndpoint)
}

/** Returns the endpoint's merchant. For operators, who see the endpoints of every merchant. */
export async function findEndpointMerchant(q: Queryable, id: string): Promise<string | undefined> {
  const row = await q.maybe<{ merchantId: string }>(
    sql`select merchant_id as "merchantId" from webhooks.endpoints where id = ${id} and deleted_at is null`,
  )
  return row?.merchantId
}

export async function writeEndpoint(tx: Tx, row: Endpoint): Promise<void> {
  await tx.run(sql`update webhooks.endpoints set url = ${row.url}, description = ${row.description}, events = ${row.events},
      failing_since = ${row.failingSince ?? null}, disabled_at = ${row.disabledAt ?? null}, disabled_why = ${row.disabledWhy ?? null}
    where id = ${row.id}`)
}

export async function markDeleted(tx: Tx, id: string, at: Date): Promise<void> {
  await tx.run(sql`update webhooks.endpoints set deleted_at = ${at} where id = ${id}`)
  await tx.run(sql`delete from webhooks.secrets where endpoint_id = ${id}`)
}

/** Returns false when the endpoint is already disabled or deleted, or, for `failing`, has succeeded since `failingBefore`. */
export async function markDisabled(
  tx: Tx,
  { id, why, at, failingBefore }: { id: string; why: 'failing' | 'gone'; at: Date; failingBefore: Date },
): Promise<boolean> {
  const written = await tx.run(sql`update webhooks.endpoints set disabled_at = ${at}, disabled_why = ${why}
    where id = ${id} and disabled_at is null and deleted_at is null and (${why} = 'gone' or failing_since <= ${failingBefore})`)
  return written === 1
}

/** Returns the event patterns of a merchant's active endpoints. */
export async function readPatterns(q: Queryable, merchantId: string): Promise<string[]> {
  const { patterns } = await q.one<{ patterns: string[] }>(sql`select array(select distinct unnest(events)
    from webhooks.endpoints where merchant_id = ${merchantId} and deleted_at is null and disabled_at is null) as patterns`)
  return patterns
}

/** Returns the active endpoints that subscribe to one of the patterns. */
export async function listSubscribedEndpoints(
  q: Queryable,
  merchantId: string,
  patterns: readonly string[],
): Promise<string[]> {
  const rows = await q.many<{ id: string }>(sql`select id from webhooks.endpoints
    where merchant_id = ${merchantId} and deleted_at is null and disabled_at is null and events && ${patterns}::text[] order by id limit 100`)
  return rows.map(({ id }) => id)
}

export const countFailing = (q: Queryable): Promise<{ failing: number }> =>
  q.one(sql`select count(*)::int as failing from webhooks.endpoints
    where failing_since is not null and deleted_at is null and disabled_at is null`)

export async function insertSecret(
  tx: Tx,
  row: { id: string; endpointId: string; sealed: string; createdAt: Date },
): Promise<void> {
  await tx.run(sql`insert into webhooks.secrets (id, endpoint_id, sealed, created_at)
    values (${row.id}, ${row.endpointId}, ${row.sealed}, ${row.createdAt})`)
}

/** Deletes expired secrets and lets every other secret expire by `endsAt`. A secret that expires earlier keeps its time. */
export async function endSecrets(tx: Tx, endpointId: string, now: Date, endsAt: Date): Promise<void> {
  await tx.run(sql`delete from webhooks.secrets where endpoint_id = ${endpointId} and ends_at <= ${now}`)
  await tx.run(sql`update webhooks.secrets set ends_at = ${endsAt}
    where endpoint_id = ${endpointId} and (ends_at is null or ends_at > ${endsAt})`)
}

export const countSecrets = async (q: Queryable, endpointId: string, now: Date): Promise<number> =>
  (
    await q.one<{ count: number }>(sql`select count(*)::int as count from webhooks.secrets
      where endpoint_id = ${endpointId} and (ends_at is null or ends_at > ${now})`)
  ).count
