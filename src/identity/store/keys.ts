import { toAuditJson, writeAudited, type Audited } from './audit.ts'
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

const toColumns = (row: KeyRow) => ({
  id: row.id,
  merchant_id: row.merchantId,
  store_id: row.storeId,
  name: row.name,
  hash: row.hash,
  pepper_version: row.pepperVersion,
  hint: row.hint,
  scopes: row.scopes,
  livemode: row.livemode,
  created_at: row.createdAt,
  expires_at: row.expiresAt,
})

/** @returns false when the key already exists */
export const insertKey = (tx: Tx, row: KeyRow, audited: Audited): Promise<boolean> =>
  writeAudited(tx, 'create_key', toColumns(row), audited)

/** Adds a key that replaces `old.id`, with the same rights, and lets the old one end at `old.expiresAt`. */
export async function replaceKey(
  tx: Tx,
  row: KeyRow,
  old: { id: string; expiresAt: Date },
  audited: Audited,
): Promise<void> {
  const key = JSON.stringify(toColumns(row))
  await tx.run(
    sql`select identity.rotate_key(${key}::jsonb, ${old.id}, ${old.expiresAt}, ${toAuditJson(audited)}::jsonb)`,
  )
}

export async function markRevoked(tx: Tx, id: string, audited: Audited): Promise<void> {
  await tx.run(sql`select identity.revoke_key(${id}, ${audited.at}, ${toAuditJson(audited)}::jsonb)`)
}

/** Makes the key with this hash the only valid one of its name at the sandbox merchant. */
export async function keepSandboxKey(
  tx: Tx,
  { merchantId, hash }: { merchantId: string; hash: string },
  audited: Audited,
): Promise<void> {
  await tx.run(
    sql`select identity.keep_sandbox_key(${merchantId}, ${hash}, ${audited.at}, ${toAuditJson(audited)}::jsonb)`,
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
