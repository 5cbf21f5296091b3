import type { Account, Ledger, Transfer } from '#ledger'
import { currencyOf } from '#money'
import { addMs, type Clock } from '#platform/base/clock'
import type { Db, Queryable, Tx } from '#platform/database/db'
import { deriveUuid, type Ids, isId } from '#platform/base/ids'
import {
  insertHoldRelease,
  insertSettlement,
  listHoldReleases,
  lockHeld,
  lockHeldForAmount,
  lockSettlement,
  type SettlementRow,
  updateHoldRelease,
  updateSettlement,
} from '../store/settlements.ts'
import { type NotifyDeps, notifySettlementOwner } from './notify.ts'
import type { SettlementTerms } from './types.ts'

/**
 * What merchants get later. The money is credited as ever, and in the same posting it goes on to `pending`, where it stays until it is
 * settled. What goes back to a payer meanwhile comes out of there first. It is done where payments posts, so that whatever credits and takes
 * follows it without knowing.
 */

const DAY_MS = 24 * 60 * 60_000
export const SETTLEMENTS_QUEUE = 'payments.settlements'

interface Deps extends NotifyDeps {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly ids: Ids
  readonly settlementTerms?: ((q: Queryable, merchantId: string) => Promise<SettlementTerms>) | undefined
}

const MERCHANT = /^(merchant:(mer_\w+)):(available|debt)$/
/** Credits of money that was counted before: it is held back only as far as it was when it went, by the terms of then. */
export const RETURNED = 'payments.return'
/** Kinds of transfers that take of a receipt. Refunds are not among them: they free what they need beforehand. */
const TAKES: ReadonlySet<string> = new Set(['payments.reversal', 'payments.correction'])

export const pendingOf = (account: string, asset: Account['asset']): Account => ({
  code: `${account}:pending`,
  asset,
  mayOverdraw: false,
})

/** The ledger as payments uses it. */
export function createSettlingLedger(deps: Deps): Ledger {
  const { ledger, settlementTerms } = deps
  if (!settlementTerms) return ledger
  return {
    ...ledger,
    post: async (q: Tx | Db, transfers: readonly Transfer[]) => {
      // Only a transaction knows what is held: whoever posts without one moves no money of receipts.
      if (!('isTransaction' in q)) return ledger.post(q, transfers)
      const more: Transfer[] = []
      for (const transfer of transfers) more.push(...(await followUp(deps, q, transfer)))
      return ledger.post(q, [...transfers, ...more])
    },
  }
}

async function followUp(deps: Deps, tx: Tx, transfer: Transfer): Promise<Transfer[]> {
  const { from, to, kind } = transfer
  const into = MERCHANT.exec(to.code)
  // Whatever credits a receipt from outside: as it came, exchanged, or corrected.
  const isReceipts = isId('rcp', transfer.ref) && kind !== RETURNED
  const credits = into?.[3] === 'available' && isReceipts && !MERCHANT.test(from.code)
  if (credits) return holdBack(deps, tx, transfer, into[1] ?? '', into[2] ?? '')
  if (MERCHANT.test(from.code) && TAKES.has(kind)) return takeHeld(deps, tx, transfer)
  return []
}

async function holdBack(
  deps: Deps,
  tx: Tx,
  { id, to, amount, ref }: Transfer,
  account: string,
  merchantId: string,
): Promise<Transfer[]> {
  const { clock, ids, jobs, settlementTerms } = deps
  const terms = await settlementTerms?.(tx, merchantId)
  const feeFixed = terms?.feeFixed[currencyOf(to.asset)] ?? 0n
  if (!terms || (terms.holdDays === 0 && terms.feeBps === 0 && feeFixed === 0n)) return []
  const now = clock.now()
  const settlementId = ids.next('stl')
  await insertSettlement(tx, {
    id: settlementId,
    merchantId,
    account,
    receiptId: ref,
    transferId: id,
    asset: to.asset,
    credited: amount,
    returned: 0n,
    feeBps: terms.feeBps,
    feeFixed,
    fee: null,
    state: 'pending',
    version: 1,
    dueAt: addMs(now, terms.holdDays * DAY_MS),
    createdAt: now,
    settledAt: null,
  })
  await notifySettlementOwner(deps, tx, { id: settlementId, version: 1 }, 'created')
  if (terms.holdDays === 0) tx.afterCommit(() => jobs().wake(SETTLEMENTS_QUEUE))
  const pending = pendingOf(account, to.asset)
  return [{ id: deriveUuid(id, 'hold-back'), from: to, to: pending, amount, kind: 'payments.hold-back', ref }]
}

/** What is taken of a receipt comes out of what is held of it: to where it was taken from. */
async function takeHeld(deps: Deps, tx: Tx, { id, from, amount, ref }: Transfer): Promise<Transfer[]> {
  const held = await lockHeld(tx, ref)
  return freeOf(deps, tx, held, { id, cause: id, to: from, amount, ref, now: deps.clock.now() })
}

interface Wanted {
  readonly id: string
  readonly cause: string
  readonly to: Account
  readonly amount: bigint
  readonly ref: string
  readonly now: Date
}

async function freeOf(deps: NotifyDeps, tx: Tx, held: readonly SettlementRow[], wanted: Wanted): Promise<Transfer[]> {
  const freed: Transfer[] = []
  let left = wanted.amount
  for (const row of held) {
    const there = row.credited - row.returned
    const amount = there < left ? there : left
    if (amount === 0n || row.asset !== wanted.to.asset) continue
    left -= amount
    const returned = row.returned + amount
    const over = returned === row.credited
    await updateSettlement(tx, {
      ...row,
      returned,
      ...(over && { state: 'returned' as const, version: row.version + 1, settledAt: wanted.now }),
    })
    if (over) await notifySettlementOwner(deps, tx, { id: row.id, version: row.version + 1 }, 'returned')
    await insertHoldRelease(tx, { cause: wanted.cause, settlementId: row.id, amount, undone: 0n }, wanted.now)
    freed.push({
      id: deriveUuid(wanted.id, `free ${row.id}`),
      from: pendingOf(row.account, row.asset),
      to: wanted.to,
      amount,
      kind: 'payments.free',
      ref: wanted.ref,
    })
  }
  return freed
}

export interface Freeing {
  readonly intentId: string
  readonly available: Account
  readonly amount: bigint
  /** The refund. */
  readonly cause: string
  /** What the transfers' ids are derived from. */
  readonly source: string
}

/**
 * Makes money of a payment that is held back available at once, to be given back to its payer: no fee is kept of it. Before the refund's own
 * hold, under the payment's lock. The caller posts.
 */
export async function freeForRefund(
  deps: Pick<Deps, 'clock'> & NotifyDeps,
  tx: Tx,
  { intentId, available: to, amount, cause, source }: Freeing,
): Promise<Transfer[]> {
  const held = await lockHeldForAmount(tx, { intentId, asset: to.asset, amount })
  return freeOf(deps, tx, held, {
    id: deriveUuid(source, 'free'),
    cause,
    to,
    amount,
    ref: cause,
    now: deps.clock.now(),
  })
}

export interface HoldingAgain {
  /** Refunds and transfers that it was freed for. */
  readonly causes: readonly string[]
  readonly available: Account
  /** At most: what of it is available, not what repaid a debt. */
  readonly amount: bigint
  readonly source: string
  /** What the transfers refer to. */
  readonly ref: string
  /** Another part of the same comes back after this one: what is left stays for it. */
  readonly hasMoreParts?: boolean | undefined
}

/**
 * What was freed for something that did not happen, or that came back, is held back again: by its settlement, with its terms and its date. Under the
 * payment's lock and the debt's. The caller posts.
 */
export async function restoreHold(
  deps: Pick<Deps, 'clock' | 'ids'> & NotifyDeps,
  tx: Tx,
  { causes, available, amount, source, ref, hasMoreParts = false }: HoldingAgain,
): Promise<Transfer[]> {
  const now = deps.clock.now()
  const again: Transfer[] = []
  let left = amount
  for (const free of await listHoldReleases(tx, causes)) {
    const row = await lockSettlement(tx, free.settlementId)
    const there = free.amount - free.undone
    const part = there < left ? there : left
    // Asset by asset: what was freed of another is not in what came back.
    if (row?.asset !== available.asset) continue
    left -= part
    const isOver = row.state === 'settled'
    const undone = isOver ? free.undone : free.undone + part
    await updateHoldRelease(tx, { ...free, undone }, hasMoreParts && part < there ? null : now)
    if (part === 0n) continue
    const id = deriveUuid(source, `hold-back ${free.cause} ${row.id}`)
    await (isOver ? holdAnew(deps, tx, row, { transferId: id, credited: part }) : reopen(deps, tx, row, part))
    const to = pendingOf(row.account, row.asset)
    again.push({ id, from: available, to, amount: part, kind: 'payments.hold-back', ref })
  }
  return again
}

async function reopen(deps: NotifyDeps, tx: Tx, row: SettlementRow, part: bigint): Promise<void> {
  const wasOver = row.state === 'returned'
  const version = wasOver ? row.version + 1 : row.version
  await updateSettlement(tx, { ...row, state: 'pending', settledAt: null, version, returned: row.returned - part })
  if (wasOver) await notifySettlementOwner(deps, tx, { id: row.id, version }, 'created')
}

/** The rest of it was settled meanwhile, and with it the fixed part of the fee. */
async function holdAnew(
  deps: Pick<Deps, 'clock' | 'ids'> & NotifyDeps,
  tx: Tx,
  settled: SettlementRow,
  part: Pick<SettlementRow, 'transferId' | 'credited'>,
): Promise<void> {
  const row: SettlementRow = {
    ...settled,
    ...part,
    ...{ id: deps.ids.next('stl'), returned: 0n, feeFixed: 0n, fee: null },
    ...{ state: 'pending', version: 1, createdAt: deps.clock.now(), settledAt: null },
  }
  await insertSettlement(tx, row)
  await notifySettlementOwner(deps, tx, row, 'created')
}
