import type { Asset } from '#money'
import { joinSql, sql, type Queryable, type Sql, type Tx } from '#platform/database/db'

/** All SQL on gateway.links. */

export interface LinkRow {
  id: string
  merchantId: string
  storeId: string | null
  livemode: boolean
  asset: Asset
  amount: bigint | null
  least: bigint | null
  most: bigint | null
  description: string
  reference: string | null
  methods: string[] | null
  returnUrl: string | null
  singleUse: boolean
  /** Idempotency-Key of the request that created the link. */
  requestKey: string | null
  paymentId: string | null
  expiresAt: Date | null
  createdAt: Date
  archivedAt: Date | null
}

const COLUMNS = sql`id, merchant_id as "merchantId", store_id as "storeId", livemode, asset, amount, least, most, description, reference,
  methods, return_url as "returnUrl", single_use as "singleUse", payment_id as "paymentId", request_key as "requestKey", expires_at as "expiresAt",
  created_at as "createdAt", archived_at as "archivedAt"`

export async function insertLink(q: Queryable, row: LinkRow): Promise<void> {
  await q.run(sql`insert into gateway.links (id, merchant_id, store_id, livemode, asset, amount, least, most, description, reference, methods,
      return_url, single_use, request_key, expires_at, created_at)
    values (${row.id}, ${row.merchantId}, ${row.storeId}, ${row.livemode}, ${row.asset}, ${row.amount}, ${row.least}, ${row.most},
      ${row.description}, ${row.reference}, ${row.methods}, ${row.returnUrl}, ${row.singleUse}, ${row.requestKey}, ${row.expiresAt}, ${row.createdAt})`)
}

export const findLink = (q: Queryable, id: string): Promise<LinkRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from gateway.links where id = ${id}`)

/** Returns the link that the request with this Idempotency-Key created at `since` or later. */
export const findLinkByRequest = (
  q: Queryable,
  { merchantId, requestKey, since }: { merchantId: string; requestKey: string; since: Date },
): Promise<LinkRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from gateway.links
    where merchant_id = ${merchantId} and request_key = ${requestKey} and created_at >= ${since} order by id limit 1`)

/** Locks the link until the transaction ends. Of two concurrent payers, only one creates the payment of a single-use link. */
export const lockLink = (tx: Tx, id: string): Promise<LinkRow | undefined> =>
  tx.maybe(sql`select ${COLUMNS} from gateway.links where id = ${id} for no key update`)

export async function updateLink(tx: Tx, row: LinkRow): Promise<void> {
  await tx.run(sql`update gateway.links set description = ${row.description}, reference = ${row.reference}, methods = ${row.methods},
    return_url = ${row.returnUrl}, payment_id = ${row.paymentId}, expires_at = ${row.expiresAt}, archived_at = ${row.archivedAt}
    where id = ${row.id}`)
}

export interface LinkQuery {
  readonly merchantId: string
  readonly storeId?: string | undefined
  readonly archived?: boolean | undefined
  /** 1 to 100. */
  readonly limit: number
  /** Id of the last link on the previous page. */
  readonly cursor?: string | undefined
}

/** Returns links, newest first, and one more than the limit if there are more. */
export function listLinks(q: Queryable, query: LinkQuery): Promise<LinkRow[]> {
  const { merchantId, storeId, archived, limit, cursor } = query
  const conditions: Sql[] = [sql`merchant_id = ${merchantId}`]
  if (storeId !== undefined) conditions.push(sql`store_id = ${storeId}`)
  if (cursor !== undefined) conditions.push(sql`id < ${cursor}`)
  if (archived !== undefined) conditions.push(sql`(archived_at is not null) = ${archived}`)
  return q.many(sql`select ${COLUMNS} from gateway.links where ${joinSql(conditions, sql` and `)}
    order by id desc limit ${limit + 1}`)
}
