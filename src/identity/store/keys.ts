import { sql, type Db, type Queryable, type Tx } from '#platform/database/db'
import type { ApiKey, Page, PageQuery, Scope } from '../types.ts'
import { pageOf, withoutNulls, type Nulls } from './page.ts'

const columns = sql`id, merchant_id as "merchantId", store_id as "storeId", name, hint, scopes, livemode, created_at as "createdAt",
  expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt", replaced_by as "replacedBy"`

/** Finds the key with one of these hashes, one hash for each pepper version. */
export async function readKeyByHash(q: Queryable, hashes: readonly string[]): Promise<ApiKey | undefined> {
  const row = await q.maybe<Nulls<ApiKey>>(
    sql`select ${columns} from identity.keys where hash = any(${hashes}) limit 1`,
  )
  return row && withoutNulls(row)
}

/** Locks the row until the transaction ends. */
export async function readKeyForChange(tx: Tx, id: string): Promise<ApiKey | undefined> {
  const row = await tx.maybe<Nulls<ApiKey>>(
    sql`select ${columns} from identity.keys where id = ${id} for no key update`,
  )
  return row && withoutNulls(row)
}

export async function readKeys(
  q: Queryable,
  query: PageQuery & { merchantId?: string | undefined },
): Promise<Page<ApiKey>> {
  const { limit, cursor, merchantId } = query
  const rows = await q.many<Nulls<ApiKey>>(
    sql`select ${columns} from identity.keys
        where (${merchantId ?? null}::text is null or merchant_id = ${merchantId ?? null})
          and (${cursor ?? null}::text is null or id < ${cursor ?? null})
        order by id desc limit ${limit + 1}`,
  )
  return pageOf(
    rows.map((row) => withoutNulls<ApiKey>(row)),
    limit,
  )
}

export interface KeyRow {
  id: string
  merchantId: string
  storeId: string | undefined
  name: string
  hash: string
  pepperVersion: number
  hint: string
  scopes: readonly Scope[]
  livemode: boolean
  createdAt: Date
  expiresAt: Date | undefined
}

/** @returns false when the key already exists */
export async function insertKey(tx: Tx, row: KeyRow): Promise<boolean> {
  const written = await tx.run(
    sql`insert into identity.keys (id, merchant_id, store_id, name, hash, pepper_version, hint, scopes, livemode, created_at, expires_at)
        values (${row.id}, ${row.merchantId}, ${row.storeId ?? null}, ${row.name}, ${row.hash}, ${row.pepperVersion}, ${row.hint}, ${row.scopes},
          ${row.livemode}, ${row.createdAt}, ${row.expiresAt ?? null})
        on conflict (hash) do nothing`,
  )
  return written === 1
}

export async function markRevoked(tx: Tx, id: string, at: Date): Promise<void> {
  await tx.run(sql`update identity.keys set revoked_at = ${at} where id = ${id} and revoked_at is null`)
}

export async function markReplaced(tx: Tx, id: string, by: string, expiresAt: Date): Promise<void> {
  await tx.run(sql`update identity.keys set replaced_by = ${by}, expires_at = ${expiresAt} where id = ${id}`)
}

/** Revokes the merchant's keys of this name except the one with this hash. */
export async function revokeOtherKeys(
  tx: Tx,
  row: { merchantId: string; name: string; hash: string; at: Date },
): Promise<void> {
  await tx.run(
    sql`update identity.keys
        set revoked_at = case when hash = ${row.hash} then null else coalesce(revoked_at, ${row.at}) end,
          expires_at = case when hash = ${row.hash} then null else expires_at end
        where merchant_id = ${row.merchantId} and name = ${row.name}`,
  )
}

/** Updates rows in order of their ids, so that two instances cannot deadlock. */
export async function writeLastUsed(db: Db, used: ReadonlyMap<string, Date>): Promise<void> {
  const keys = [...used.keys()]
  await db.run(
    sql`with locked as (select id from identity.keys where id = any(${keys}) order by id for no key update)
        update identity.keys k set last_used_at = v.at
        from locked l, unnest(${keys}::text[], ${[...used.values()]}::timestamptz[]) as v (id, at)
        where k.id = l.id and v.id = k.id and (k.last_used_at is null or k.last_used_at < v.at)`,
  )
}
