import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Locale, Merchant, Page, PageQuery, SettlementTerms, MaskedDestination } from '../types.ts'
import { pageOf } from './page.ts'

const columns = sql`m.id, m.name, m.livemode, m.locale, m.tolerance_bps as "toleranceBps", m.created_at as "createdAt",
  jsonb_build_object('colour', m.colour, 'logo', m.logo) as brand,
  jsonb_build_object('holdDays', m.hold_days, 'feeBps', m.fee_bps, 'feeFixed', m.fee_fixed) as settlement,
  m.destination_shown as destination,
  array(select o.origin from identity.return_origins o where o.merchant_id = m.id order by o.origin limit 100) as "returnOrigins"`

export const readMerchant = (q: Queryable, id: string): Promise<Merchant | undefined> =>
  q.maybe<Merchant>(sql`select ${columns} from identity.merchants m where m.id = ${id}`)

export async function readMerchants(q: Queryable, { limit, cursor }: PageQuery): Promise<Page<Merchant>> {
  const rows = await q.many<Merchant>(
    sql`select ${columns} from identity.merchants m
        where (${cursor ?? null}::text is null or m.id < ${cursor ?? null}) order by m.id desc limit ${limit + 1}`,
  )
  return pageOf(rows, limit)
}

export interface MerchantRow {
  id: string
  handle: string | null
  name: string
  livemode: boolean
  locale: Locale
  createdAt: Date
}

/** @returns false when the handle already exists */
export async function insertMerchant(tx: Tx, row: MerchantRow): Promise<boolean> {
  const written = await tx.run(
    sql`insert into identity.merchants (id, handle, name, livemode, locale, created_at)
        values (${row.id}, ${row.handle}, ${row.name}, ${row.livemode}, ${row.locale}, ${row.createdAt})
        on conflict (handle) do nothing`,
  )
  return written === 1
}

/** Locks the row until the transaction ends. */
export const readMerchantForChange = (tx: Tx, id: string): Promise<Merchant | undefined> =>
  tx.maybe<Merchant>(sql`select ${columns} from identity.merchants m where m.id = ${id} for no key update`)

export async function writeMerchant(tx: Tx, { id, name, locale, brand, toleranceBps }: Merchant): Promise<void> {
  await tx.run(
    sql`update identity.merchants set name = ${name}, locale = ${locale}, colour = ${brand.colour}, logo = ${brand.logo},
        tolerance_bps = ${toleranceBps} where id = ${id}`,
  )
}

export async function writeSettlement(tx: Tx, id: string, terms: SettlementTerms): Promise<void> {
  await tx.run(
    sql`update identity.merchants set hold_days = ${terms.holdDays}, fee_bps = ${terms.feeBps}, fee_fixed = ${terms.feeFixed}
        where id = ${id}`,
  )
}

/** Undefined removes the destination. */
export async function writeDestination(
  tx: Tx,
  id: string,
  sealed: string | undefined,
  shown: MaskedDestination | undefined,
): Promise<void> {
  await tx.run(
    sql`update identity.merchants set destination = ${sealed ?? null}, destination_shown = ${shown ?? null} where id = ${id}`,
  )
}

export async function readDestination(q: Queryable, id: string): Promise<string | undefined> {
  const row = await q.maybe<{ sealed: string | null }>(
    sql`select destination as sealed from identity.merchants where id = ${id}`,
  )
  return row?.sealed ?? undefined
}

export const readMerchantByHandle = (q: Queryable, handle: string): Promise<Merchant | undefined> =>
  q.maybe<Merchant>(sql`select ${columns} from identity.merchants m where m.handle = ${handle}`)

/** @returns false when the origin already exists */
export async function insertOrigin(
  tx: Tx,
  row: { merchantId: string; origin: string; createdAt: Date },
): Promise<boolean> {
  const written = await tx.run(
    sql`insert into identity.return_origins (merchant_id, origin, created_at)
        values (${row.merchantId}, ${row.origin}, ${row.createdAt}) on conflict do nothing`,
  )
  return written === 1
}

export async function deleteOrigin(tx: Tx, row: { merchantId: string; origin: string }): Promise<boolean> {
  const written = await tx.run(
    sql`delete from identity.return_origins where merchant_id = ${row.merchantId} and origin = ${row.origin}`,
  )
  return written === 1
}
