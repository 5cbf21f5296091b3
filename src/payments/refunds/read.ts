import type { Queryable } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import type { Context } from '../context.ts'
import { badCursor } from '../errors.ts'
import { toRefund } from '../reservations/refund.ts'
import { statusOfRefund } from '../reservations/state.ts'
import { findRefund, listRefunds } from '../store/refunds.ts'
import { type Refund, REFUND_STATES, type RefundQuery, type RefundState, type RefundStatus } from './types.ts'

const MAX_LISTED = 100

/** See Refunds.find. */
export async function loadRefund(
  context: Context,
  q: Queryable,
  id: string,
  merchantId?: string,
): Promise<Refund | undefined> {
  const row = isId('re', id) ? await findRefund(q, id) : undefined
  return row && (merchantId === undefined || row.merchantId === merchantId) ? toRefund(context, row) : undefined
}

/** See Refunds.list. */
export async function pageOfRefunds(
  context: Context,
  q: Queryable,
  { merchantId, intentId, status, limit: asked, cursor }: RefundQuery,
): Promise<{ items: Refund[]; nextCursor?: string }> {
  const limit = Math.max(1, Math.min(asked, MAX_LISTED))
  const afterId = cursor === undefined ? undefined : requireCursor(cursor)
  const states = status && statesOf(status)
  const rows = await listRefunds(q, { merchantId, intentId, states, afterId, limit: limit + 1 })
  const items = rows.slice(0, limit).map((row) => toRefund(context, row))
  const last = items.at(-1)
  return rows.length > limit && last ? { items, nextCursor: Buffer.from(last.id).toString('base64url') } : { items }
}

const statesOf = (status: RefundStatus): readonly RefundState[] =>
  REFUND_STATES.filter((state) => statusOfRefund(state) === status)

function requireCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString()
  if (!isId('re', id)) throw badCursor()
  return id
}
