import type { Asset } from '#money'
import { addMs } from '#platform/base/clock'
import { joinSql, type Queryable, sql, type Sql, type Tx } from '#platform/database/db'
import { firstIdAt } from '#platform/base/ids'
import type { Customer, IntentStatus, ListQuery, Terms } from '../intents/types.ts'

/** All SQL on payments.intents. */

export interface IntentRow {
  id: string
  merchantId: string
  owner: string
  account: string
  livemode: boolean
  asset: Asset
  amount: bigint
  received: bigint
  reversed: bigint
  refunded: bigint
  late: boolean
  status: IntentStatus
  methods: string[]
  description: string
  reference: string | null
  customer: Customer | null
  returnUrl: string | null
  metadata: Record<string, string>
  terms: Terms
  requestHash: string | null
  expiresAt: Date
  /** Original expiry, when a manual transfer extended it. */
  firstExpiresAt: Date | null
  canceledAt: Date | null
  version: number
  createdAt: Date
}

const COLUMNS = sql`id, merchant_id as "merchantId", owner, account, livemode, asset, amount, received, reversed, refunded, late, status,
  methods, description, reference, customer, return_url as "returnUrl", metadata, terms, request_hash as "requestHash",
  expires_at as "expiresAt", first_expires_at as "firstExpiresAt", canceled_at as "canceledAt", version, created_at as "createdAt"`

export type NewRow = Omit<
  IntentRow,
  'received' | 'reversed' | 'refunded' | 'late' | 'status' | 'canceledAt' | 'version' | 'firstExpiresAt'
> & { readonly idempotencyKey: string | null }

/**
 * Inserts an intent. This is the hot path: one prepared statement without fragments. Returns false when the merchant
 * used the key before; waits for a concurrent creation with the same key.
 */
export async function insertIntent(q: Queryable, row: NewRow): Promise<boolean> {
  const written =
    await q.run(sql`insert into payments.intents (id, merchant_id, owner, account, livemode, asset, amount, methods,
      description, reference, customer, return_url, metadata, terms, idempotency_key, request_hash, expires_at, created_at, updated_at)
    values (${row.id}, ${row.merchantId}, ${row.owner}, ${row.account}, ${row.livemode}, ${row.asset}, ${row.amount}, ${row.methods},
      ${row.description}, ${row.reference}, ${row.customer}, ${row.returnUrl}, ${row.metadata}, ${row.terms}, ${row.idempotencyKey},
      ${row.requestHash}, ${row.expiresAt}, ${row.createdAt}, ${row.createdAt})
    on conflict (merchant_id, idempotency_key) where idempotency_key is not null do nothing`)
  return written === 1
}

export const findByKey = (q: Queryable, merchantId: string, key: string): Promise<IntentRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.intents where merchant_id = ${merchantId} and idempotency_key = ${key}`)

export const findIntent = (q: Queryable, id: string): Promise<IntentRow | undefined> =>
  q.maybe(sql`select ${COLUMNS} from payments.intents where id = ${id}`)

/** Locks several intents in the order of their ids, so that two callers cannot deadlock. */
export async function lockIntents(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx.run(sql`select id from payments.intents where id = any(${ids}) order by id for no key update`)
}

/** Locks an intent. The lock covers its attempts and receipts, which change only under it. */
export const lockIntent = (tx: Tx, id: string): Promise<IntentRow | undefined> =>
  tx.maybe(sql`select ${COLUMNS} from payments.intents where id = ${id} for no key update`)

/** Maximum difference between the time in an id and the row's `created_at`. */
export const ID_MARGIN_MS = 60_000

export function listIntents(q: Queryable, query: ListQuery, afterId: string | undefined): Promise<IntentRow[]> {
  const { merchantId, status, reference, store, createdFrom, createdTo, limit } = query
  const conditions: Sql[] = [sql`merchant_id = ${merchantId}`]
  if (afterId !== undefined) conditions.push(sql`id < ${afterId}`)
  if (status !== undefined) conditions.push(sql`status = ${status}`)
  if (reference !== undefined) conditions.push(sql`reference = ${reference}`)
  if (store !== undefined) conditions.push(sql`terms ->> 'store' = ${store}`)
  // There is no index by time. Ids are in the order of time, so an id range finds the page at once, however old it is.
  if (createdFrom !== undefined)
    conditions.push(sql`created_at >= ${createdFrom} and id > ${firstIdAt('pay', addMs(createdFrom, -ID_MARGIN_MS))}`)
  if (createdTo !== undefined)
    conditions.push(sql`created_at < ${createdTo} and id < ${firstIdAt('pay', addMs(createdTo, ID_MARGIN_MS))}`)
  return q.many(sql`select ${COLUMNS} from payments.intents where ${joinSql(conditions, sql` and `)}
    order by id desc limit ${limit}`)
}

export async function updateIntent(tx: Tx, row: IntentRow, now: Date): Promise<void> {
  await tx.run(sql`update payments.intents set received = ${row.received}, reversed = ${row.reversed}, refunded = ${row.refunded}, late = ${row.late},
    status = ${row.status}, canceled_at = ${row.canceledAt}, version = ${row.version}, updated_at = ${now} where id = ${row.id}`)
}

/** Extends an intent's expiry and keeps the original one. */
export async function extendIntent(tx: Tx, { id, expiresAt }: Pick<IntentRow, 'id' | 'expiresAt'>): Promise<void> {
  await tx.run(sql`update payments.intents set first_expires_at = coalesce(first_expires_at, expires_at), expires_at = ${expiresAt}
    where id = ${id}`)
}

export const listVersions = (q: Queryable, ids: readonly string[]): Promise<{ id: string; version: number }[]> =>
  q.many(sql`select id, version from payments.intents where id = any(${ids})`)

/**
 * Lists expired open intents that no attempt keeps open. `graceFrom`: an open page keeps an intent open that expired
 * after it.
 */
export async function listExpired(q: Queryable, now: Date, graceFrom: Date, limit: number): Promise<string[]> {
  const rows = await q.many<{ id: string }>(sql`select id from payments.intents i
    where status = 'open' and expires_at <= ${now}
      and not exists (select from payments.attempts a where a.intent_id = i.id
        and a.state in ('created', 'submitting', 'pending', 'unknown') and (a.kind = 'push' or i.expires_at > ${graceFrom}))
    order by expires_at limit ${limit}`)
  return rows.map(({ id }) => id)
}

/**
 * Releases the idempotency keys of the next `limit` intents after an id, which were created before a time. Ids are in order of
 * creation. @returns the last id, undefined when there are no such intents
 */
export const releaseIdempotencyKeys = async (
  tx: Tx,
  { after, before, limit }: { after: string; before: Date; limit: number },
): Promise<string | undefined> =>
  (
    await tx.one<{ last: string | null }>(sql`with batch as (
        select id, idempotency_key is not null as keyed from payments.intents
        where id > ${after} and id < ${firstIdAt('pay', before)} order by id limit ${limit}
      ), released as (
        update payments.intents set idempotency_key = null, request_hash = null
        where id = any (array(select id from batch where keyed))
      )
      select max(id) as last from batch`)
  ).last ?? undefined
