import { writeAudited, type Audited } from './audit.ts'
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
export const insertMerchant = (tx: Tx, row: MerchantRow, audited: Audited): Promise<boolean> =>
  writeAudited(tx, 'create_merchant', { ...row, created_at: row.createdAt }, audited)

/** Locks the row until the transaction ends. */
export async function readMerchantForChange(tx: Tx, id: string): Promise<Merchant | undefined> {
  await tx.run(sql`select identity.lock_merchant(${id})`)
  return readMerchant(tx, id)
}

export async function writeMerchant(tx: Tx, merchant: Merchant, audited: Audited): Promise<void> {
  const { id, name, locale, brand, toleranceBps: tolerance_bps } = merchant
  await writeAudited(tx, 'change_merchant', { id, name, locale, ...brand, tolerance_bps }, audited)
}

export async function writeSettlement(tx: Tx, id: string, terms: SettlementTerms, audited: Audited): Promise<void> {
  const { holdDays: hold_days, feeBps: fee_bps, feeFixed: fee_fixed } = terms
  await writeAudited(tx, 'set_settlement', { id, hold_days, fee_bps, fee_fixed }, audited)
}

/** Undefined removes the destination. */
export async function writeDestination(
  tx: Tx,
  id: string,
  { sealed, shown }: { sealed: string | undefined; shown: MaskedDestination | undefined },
  audited: Audited,
): Promise<void> {
  await writeAudited(tx, 'set_destination', { id, destination: sealed, destination_shown: shown }, audited)
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
export const insertOrigin = (
  tx: Tx,
  { merchantId, origin }: { merchantId: string; origin: string },
  audited: Audited,
): Promise<boolean> =>
  writeAudited(tx, 'add_origin', { merchant_id: merchantId, origin, created_at: audited.at }, audited)

export const deleteOrigin = (
  tx: Tx,
  { merchantId, origin }: { merchantId: string; origin: string },
  audited: Audited,
): Promise<boolean> => writeAudited(tx, 'remove_origin', { merchant_id: merchantId, origin }, audited)
