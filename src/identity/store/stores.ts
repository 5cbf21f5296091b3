import { writeAudited, type Audited } from './audit.ts'
import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { StoreRequest, Page, PageQuery, Store } from '../types.ts'
import { pageOf, withoutNulls, type Nulls } from './page.ts'

const columns = sql`id, merchant_id as "merchantId", name, locale, jsonb_build_object('colour', colour, 'logo', logo) as brand,
  return_origins as "returnOrigins", methods, created_at as "createdAt", archived_at as "archivedAt"`

const toColumns = (row: Store) => ({
  id: row.id,
  merchant_id: row.merchantId,
  name: row.name,
  locale: row.locale,
  ...row.brand,
  return_origins: row.returnOrigins,
  methods: row.methods,
  created_at: row.createdAt,
  archived_at: row.archivedAt,
})

export async function insertStore(tx: Tx, row: Store, requestKey: string | undefined, audited: Audited): Promise<void> {
  await writeAudited(tx, 'create_store', { ...toColumns(row), request_key: requestKey }, audited)
}

export async function readStore(q: Queryable, id: string): Promise<Store | undefined> {
  const row = await q.maybe<Nulls<Store>>(sql`select ${columns} from identity.stores where id = ${id}`)
  return row && withoutNulls<Store>(row)
}

export async function readStoreByRequest(q: Queryable, by: StoreRequest): Promise<Store | undefined> {
  const row = await q.maybe<Nulls<Store>>(
    sql`select ${columns} from identity.stores where merchant_id = ${by.merchantId} and request_key = ${by.requestKey}
        and created_at >= ${by.since} order by id limit 1`,
  )
  return row && withoutNulls<Store>(row)
}

/** Locks the row until the transaction ends. */
export async function readStoreForChange(tx: Tx, id: string): Promise<Store | undefined> {
  await tx.run(sql`select identity.lock_store(${id})`)
  return readStore(tx, id)
}

export async function writeStore(tx: Tx, row: Store, audited: Audited): Promise<void> {
  await writeAudited(tx, 'change_store', toColumns(row), audited)
}

export async function readStores(q: Queryable, query: PageQuery & { merchantId: string }): Promise<Page<Store>> {
  const { limit, cursor, merchantId } = query
  const rows = await q.many<Nulls<Store>>(
    sql`select ${columns} from identity.stores
        where merchant_id = ${merchantId} and (${cursor ?? null}::text is null or id < ${cursor ?? null})
        order by id desc limit ${limit + 1}`,
  )
  return pageOf(
    rows.map((row) => withoutNulls<Store>(row)),
    limit,
  )
}

export async function countStores(q: Queryable, merchantId: string): Promise<number> {
  const { count } = await q.one<{ count: number }>(
    sql`select count(*)::int as count from identity.stores where merchant_id = ${merchantId}`,
  )
  return count
}
