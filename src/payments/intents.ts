import { currencyOf, money, type Asset, type Money } from '#money'
import { addMs } from '#platform/clock'
import type { Db, Queryable, Tx } from '#platform/db'
import { invariant } from '#platform/errors'
import { isId } from '#platform/ids'
import { attemptOf, listAttempts, listAttemptsOf, type AttemptRow } from './attempt-store.ts'
import type { Core } from './core.ts'
import { alreadyPaid, badCursor, inFlight, keyReused, notFound, over } from './errors.ts'
import type { Attempt, Intent, ListQuery, MerchantBalance, NewIntent, Payments } from './face.ts'
import {
  findByKey,
  findIntent,
  insertIntent,
  intentOf,
  listExpired,
  listIntents,
  lockIntent,
  type IntentRow,
  type NewRow,
} from './intent-store.ts'
import { listReceipts, listStrays, receiptOf, sumUp, type StrayRow } from './receipt-store.ts'
import { listSightings, sightingOf } from './sighting-store.ts'
import { customerAccount, merchantAccount } from './postings.ts'
import { PAGE_GRACE_MS } from './state.ts'
import { announce, refreshIntent } from './work.ts'

type Create = Payments['create']

/** See Payments.create. */
export async function createIntent(core: Core, q: Queryable, input: Parameters<Create>[1]): ReturnType<Create> {
  const row = newRow(core, input)
  if (input.announce && core.subscribers[input.owner] && !isTx(q)) {
    return core.db.transaction((tx) => insertOrReplay(core, tx, row, true))
  }
  return insertOrReplay(core, q, row, input.announce === true)
}

async function insertOrReplay(core: Core, q: Queryable, row: NewRow, tell: boolean): ReturnType<Create> {
  if (await insertIntent(q, row)) {
    const created = asCreated(row)
    if (tell && isTx(q)) await announce(q, core, created, 'created')
    return { intent: intentOf(created), replayed: false }
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
  return intentOf(asCreated(row))
}

const isTx = (q: Queryable): q is Tx => 'isTransaction' in q

function newRow({ clock, ids }: Core, input: Parameters<Create>[1]): NewRow {
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

/** A repeat of a creation shows the intent as it was created, whatever has happened since. */
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
  const intent = intentOf(
    row,
    await withSightings(q, attempts),
    receipts.map((receipt) => receiptOf(receipt, row.asset)),
  )
  const strays = receipts.some(({ asset }) => asset !== row.asset) ? await listStrays(q, [id]) : []
  return { ...intent, uncounted: strays.map(leftOfStray) }
}

const leftOfStray = ({ asset, left }: StrayRow): Money => money(asset, left)

/** The attempts to addresses with what was seen there. */
async function withSightings(q: Queryable, rows: readonly AttemptRow[]): Promise<Attempt[]> {
  const ids = rows.filter(({ kind }) => kind === 'address').map(({ id }) => id)
  const seen = ids.length === 0 ? [] : (await listSightings(q, ids)).map(sightingOf)
  return rows.map((row) => ({ ...attemptOf(row), sightings: seen.filter(({ attemptId }) => attemptId === row.id) }))
}

const MOST_LISTED = 100

/** See Payments.list. */
export async function pageOfIntents(q: Queryable, query: ListQuery): ReturnType<Payments['list']> {
  const limit = Math.max(1, Math.min(query.limit, MOST_LISTED))
  const after = query.cursor === undefined ? undefined : requireCursor(query.cursor)
  const rows = await listIntents(q, { ...query, limit: limit + 1 }, after)
  const shown = rows.slice(0, limit)
  const tried = await listAttemptsOf(
    q,
    shown.map(({ id }) => id),
  )
  const attempts = Map.groupBy(await withSightings(q, tried), ({ intentId }) => intentId)
  const settled = tried.filter(({ state }) => state === 'settled').map(({ intentId }) => intentId)
  const strays = Map.groupBy(settled.length > 0 ? await listStrays(q, settled) : [], ({ intentId }) => intentId)
  const items = shown.map((row) => ({
    ...intentOf(row, attempts.get(row.id)),
    uncounted: (strays.get(row.id) ?? []).map(leftOfStray),
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
  core: Core,
  { id, merchantId }: { id: string; merchantId: string },
): Promise<Intent> {
  await core.db.transaction(async (tx) => {
    const intent = isId('pay', id) ? await lockIntent(tx, id) : undefined
    if (!intent || intent.merchantId !== merchantId) throw notFound()
    if (intent.status === 'canceled') return
    if (intent.status === 'paid') throw alreadyPaid()
    if (intent.status === 'expired' || intent.status === 'failed' || intent.status === 'reversed')
      throw over(intent.status)
    const { livePush, unconfirmed } = await sumUp(tx, intent)
    if (livePush > 0 || unconfirmed) throw inFlight()
    const now = core.clock.now()
    await refreshIntent(tx, core, intent, now, { shows: true, canceledAt: now })
  })
  return (await loadIntent(core.db, id)) ?? Promise.reject(notFound())
}

const EXPIRE_BATCH = 200

/** Marks open intents whose time has ended. @returns how many */
export async function expireIntents(core: Core, signal?: AbortSignal): Promise<number> {
  let expired = 0
  while (!signal?.aborted) {
    const now = core.clock.now()
    const due = await listExpired(core.db, now, addMs(now, -PAGE_GRACE_MS), EXPIRE_BATCH)
    const before = expired
    for (const id of due) if (await expireIntent(core, id)) expired++
    // Fewer than a batch, or none that changed: what is left was taken by others meanwhile.
    if (due.length < EXPIRE_BATCH || expired === before) break
  }
  return expired
}

function expireIntent(core: Core, id: string): Promise<boolean> {
  return core.db.transaction(async (tx) => {
    const intent = await lockIntent(tx, id)
    if (intent?.status !== 'open') return false
    const after = await refreshIntent(tx, core, intent, core.clock.now(), { shows: false })
    return after.status !== intent.status
  })
}

const BALANCE_ROWS = 1000

/** See Payments.balance. */
export async function merchantBalance(core: Core, q: Db | Queryable, merchantId: string): Promise<MerchantBalance[]> {
  const prefix = `merchant:${merchantId}:`
  const rows = await core.ledger.balances(q, prefix, BALANCE_ROWS)
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
