import { type Asset, currencyOf, money, type Money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Db, Queryable, Tx } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import { isId } from '#platform/base/ids'
import type { Attempt } from '../attempts/types.ts'
import type { Context } from '../context.ts'
import { alreadyPaid, badCursor, attemptInFlight, keyReused, notFound, paymentEnded } from '../errors.ts'
import { customerAccount, merchantAccount } from '../postings.ts'
import { toAttempt, type AttemptRow, listAttempts, listAttemptsOf } from '../store/attempts.ts'
import { toDeposit, listDeposits } from '../store/deposits.ts'
import {
  findByKey,
  findIntent,
  insertIntent,
  type IntentRow,
  listExpired,
  listIntents,
  lockIntent,
  type NewRow,
} from '../store/intents.ts'
import {
  listReceipts,
  listUncountedReceipts,
  toReceipt,
  sumIntent,
  type UncountedReceiptRow,
} from '../store/receipts.ts'
import { toIntent } from './intent.ts'
import { notifyIntentOwner, refreshIntent } from './refresh.ts'
import { PAGE_GRACE_MS } from './state.ts'
import type { CreateIntent, CreatedIntent, Intent, ListQuery, MerchantBalance, NewIntent } from './types.ts'

/** See Payments.create. */
export async function createIntent(context: Context, q: Queryable, input: CreateIntent): Promise<CreatedIntent> {
  const row = newRow(context, input)
  if (input.announce && context.subscribers[input.owner] && !isTx(q)) {
    // With a key a second run finds the intent of the first.
    const repeatable = row.idempotencyKey !== null
    return context.db.transaction((tx) => insertOrReplay(context, tx, row, true), { repeatable })
  }
  return insertOrReplay(context, q, row, input.announce === true)
}

async function insertOrReplay(context: Context, q: Queryable, row: NewRow, notify: boolean): Promise<CreatedIntent> {
  if (await insertIntent(q, row)) {
    const created = asCreated(row)
    if (notify && isTx(q)) await notifyIntentOwner(q, context, created, 'created')
    return { intent: toIntent(created), replayed: false }
  }
  const by = { merchantId: row.merchantId, key: row.idempotencyKey ?? '', hash: row.requestHash ?? '' }
  const before = await findCreated(q, by)
  if (!before) throw keyReused()
  return { intent: before, replayed: true }
}

/** See Payments.findCreated. */
export async function findCreated(
  q: Queryable,
  { merchantId, key, hash }: { merchantId: string; key: string; hash: string },
): Promise<Intent | undefined> {
  const row = await findByKey(q, merchantId, key)
  if (!row) return undefined
  if (row.requestHash !== hash) throw keyReused()
  return toIntent(asCreated(row))
}

const isTx = (q: Queryable): q is Tx => 'isTransaction' in q

function newRow({ clock, ids }: Context, input: CreateIntent): NewRow {
  return {
    id: ids.next('pay'),
    merchantId: input.merchantId,
    owner: input.owner,
    account: accountOf(input),
    livemode: input.livemode,
    asset: input.amount.asset,
    amount: input.amount.amount,
    methods: [...input.methods],
    description: input.description ?? '',
    reference: input.reference ?? null,
    customer: input.customer ?? null,
    returnUrl: input.returnUrl ?? null,
    metadata: input.metadata ?? {},
    terms: input.terms,
    idempotencyKey: input.idempotency?.key ?? null,
    requestHash: input.idempotency?.hash ?? null,
    expiresAt: input.expiresAt,
    createdAt: clock.now(),
  }
}

function accountOf({ merchantId, topUp, customer }: NewIntent): string {
  if (!topUp) return merchantAccount(merchantId)
  invariant(customer?.id, 'a top-up names a customer')
  return customerAccount(merchantId, customer.id)
}

/** Returns the intent as it was at creation. A repeated creation returns this, whatever has happened since. */
const asCreated = (row: NewRow | IntentRow): IntentRow => ({
  ...row,
  expiresAt: ('firstExpiresAt' in row ? row.firstExpiresAt : null) ?? row.expiresAt,
  firstExpiresAt: null,
  received: 0n,
  reversed: 0n,
  refunded: 0n,
  late: false,
  status: 'open',
  canceledAt: null,
  version: 1,
})

/** See Payments.find. */
export async function loadIntent(q: Queryable, id: string, merchantId?: string): Promise<Intent | undefined> {
  if (!isId('pay', id)) return undefined
  const row = await findIntent(q, id)
  if (!row || (merchantId !== undefined && row.merchantId !== merchantId)) return undefined
  const attempts = await listAttempts(q, id)
  const receipts = await listReceipts(q, id)
  const intent = toIntent(
    row,
    await withDeposits(q, attempts),
    receipts.map((receipt) => toReceipt(receipt, row.asset)),
  )
  const uncounted = receipts.some(({ asset }) => asset !== row.asset) ? await listUncountedReceipts(q, [id]) : []
  return { ...intent, uncounted: uncounted.map(uncountedAmount) }
}

const uncountedAmount = ({ asset, left }: UncountedReceiptRow): Money => money(asset, left)

/** Converts attempts and adds the deposits of addresses. */
async function withDeposits(q: Queryable, rows: readonly AttemptRow[]): Promise<Attempt[]> {
  const ids = rows.filter(({ kind }) => kind === 'address').map(({ id }) => id)
  const seen = ids.length === 0 ? [] : (await listDeposits(q, ids)).map(toDeposit)
  return rows.map((row) => ({ ...toAttempt(row), deposits: seen.filter(({ attemptId }) => attemptId === row.id) }))
}

const MAX_PAGE = 100

/** See Payments.list. */
export async function listIntentPage(
  q: Queryable,
  query: ListQuery,
): Promise<{ items: Intent[]; nextCursor?: string }> {
  const limit = Math.max(1, Math.min(query.limit, MAX_PAGE))
  const after = query.cursor === undefined ? undefined : requireCursor(query.cursor)
  const rows = await listIntents(q, { ...query, limit: limit + 1 }, after)
  const shown = rows.slice(0, limit)
  const attemptRows = await listAttemptsOf(
    q,
    shown.map(({ id }) => id),
  )
  const attempts = Map.groupBy(await withDeposits(q, attemptRows), ({ intentId }) => intentId)
  const settled = attemptRows.filter(({ state }) => state === 'settled').map(({ intentId }) => intentId)
  const uncounted = Map.groupBy(
    settled.length > 0 ? await listUncountedReceipts(q, settled) : [],
    ({ intentId }) => intentId,
  )
  const items = shown.map((row) => ({
    ...toIntent(row, attempts.get(row.id)),
    uncounted: (uncounted.get(row.id) ?? []).map(uncountedAmount),
  }))
  const last = items.at(-1)
  return rows.length > limit && last ? { items, nextCursor: Buffer.from(last.id).toString('base64url') } : { items }
}

function requireCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString()
  if (!isId('pay', id)) throw badCursor()
  return id
}

/** See Payments.cancel. */
export async function cancelIntent(
  context: Context,
  { id, merchantId }: { id: string; merchantId: string },
): Promise<Intent> {
  const cancel = async (tx: Tx): Promise<void> => {
    const intent = isId('pay', id) ? await lockIntent(tx, id) : undefined
    if (!intent || intent.merchantId !== merchantId) throw notFound()
    if (intent.status === 'canceled') return
    if (intent.status === 'paid') throw alreadyPaid()
    if (intent.status === 'expired' || intent.status === 'failed' || intent.status === 'reversed')
      throw paymentEnded(intent.status)
    const { livePush, unconfirmed } = await sumIntent(tx, intent)
    if (livePush > 0 || unconfirmed) throw attemptInFlight()
    const now = context.clock.now()
    await refreshIntent(tx, context, intent, now, { shows: true, canceledAt: now })
  }
  await context.db.transaction(cancel, { repeatable: true })
  return (await loadIntent(context.db, id)) ?? Promise.reject(notFound())
}

const EXPIRE_BATCH = 200

/** Expires open intents whose time has ended. @returns number of expired intents */
export async function expireIntents(context: Context, signal?: AbortSignal): Promise<number> {
  let expired = 0
  while (!signal?.aborted) {
    const now = context.clock.now()
    const due = await listExpired(context.db, now, addMs(now, -PAGE_GRACE_MS), EXPIRE_BATCH)
    const before = expired
    for (const id of due) if (await expireIntent(context, id)) expired++
    // Stop after a partial batch, or when none changed: another process has taken the rest.
    if (due.length < EXPIRE_BATCH || expired === before) break
  }
  return expired
}

function expireIntent(context: Context, id: string): Promise<boolean> {
  return context.db.transaction(async (tx) => {
    const intent = await lockIntent(tx, id)
    if (intent?.status !== 'open') return false
    const after = await refreshIntent(tx, context, intent, context.clock.now(), { shows: false })
    return after.status !== intent.status
  })
}

const BALANCE_ROWS = 1000

/** See Payments.balance. */
export async function merchantBalance(
  context: Context,
  q: Db | Queryable,
  merchantId: string,
): Promise<MerchantBalance[]> {
  const prefix = `merchant:${merchantId}:`
  const rows = await context.ledger.balances(q, prefix, BALANCE_ROWS)
  const assets = [...new Set(rows.map(({ asset }) => asset))].toSorted()
  const amountOf = (asset: Asset, name: string): bigint => {
    const row = rows.find((each) => each.asset === asset && each.code === prefix + name)
    return row ? row.posted - row.held : 0n
  }
  return assets.map((asset) => {
    const debt = amountOf(asset, 'debt')
    return {
      currency: currencyOf(asset),
      available: money(asset, amountOf(asset, 'available')),
      pending: money(asset, amountOf(asset, 'pending')),
      debt: money(asset, debt < 0n ? -debt : 0n),
    }
  })
}
