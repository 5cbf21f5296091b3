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
 * Holds credited money back until its settlement. A credit is posted as usual, and the same posting moves it on to `pending`. Money that returns
 * to a payer before the settlement is debited from `pending` first. The ledger wrapper does this, so that code which credits or debits
 * merchants needs no settlement logic.
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
/** Transfer kind of money that was counted before and returned. It returns to its old settlement, with the old terms. */
export const RETURNED = 'payments.return'
/** Transfer kinds that reverse a receipt. Refunds are not among them, because they release pending money before they hold it. */
const REVERSAL_KINDS: ReadonlySet<string> = new Set(['payments.reversal', 'payments.correction'])

export const pendingAccount = (account: string, asset: Account['asset']): Account => ({
  code: `${account}:pending`,
  asset,
  mayOverdraw: false,
})

/** Wraps the ledger: postings that credit or reverse receipts also move pending settlement money. */
export function createSettlingLedger(deps: Deps): Ledger {
  const { ledger, settlementTerms } = deps
  if (!settlementTerms) return ledger
  return {
    ...ledger,
    post: async (q: Tx | Db, transfers: readonly Transfer[]) => {
      // Settlements need a transaction. Postings without one move no money of receipts.
      if (!('isTransaction' in q)) return ledger.post(q, transfers)
      const more: Transfer[] = []
      for (const transfer of transfers) more.push(...(await planFollowUps(deps, q, transfer)))
      return ledger.post(q, [...transfers, ...more])
    },
  }
}

async function planFollowUps(deps: Deps, tx: Tx, transfer: Transfer): Promise<Transfer[]> {
  const { from, to, kind } = transfer
  const into = MERCHANT.exec(to.code)
  // Credits of a receipt: received, exchanged or corrected money.
  const isReceipts = isId('rcp', transfer.ref) && kind !== RETURNED
  const credits = into?.[3] === 'available' && isReceipts && !MERCHANT.test(from.code)
  if (credits) return holdCredit(deps, tx, transfer, into[1] ?? '', into[2] ?? '')
  if (MERCHANT.test(from.code) && REVERSAL_KINDS.has(kind)) return releaseForReversal(deps, tx, transfer)
  return []
}

async function holdCredit(
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
  const pending = pendingAccount(account, to.asset)
  return [{ id: deriveUuid(id, 'hold-back'), from: to, to: pending, amount, kind: 'payments.hold-back', ref }]
}

/** Releases pending money of a reversed receipt to the account that the reversal debits. */
async function releaseForReversal(deps: Deps, tx: Tx, { id, from, amount, ref }: Transfer): Promise<Transfer[]> {
  const held = await lockHeld(tx, ref)
  return releasePending(deps, tx, held, { id, cause: id, to: from, amount, ref, now: deps.clock.now() })
}

interface ReleaseRequest {
  readonly id: string
  readonly cause: string
  readonly to: Account
  readonly amount: bigint
  readonly ref: string
  readonly now: Date
}

async function releasePending(
  deps: NotifyDeps,
  tx: Tx,
  held: readonly SettlementRow[],
  request: ReleaseRequest,
): Promise<Transfer[]> {
  const released: Transfer[] = []
  let remaining = request.amount
  for (const row of held) {
    const pending = row.credited - row.returned
    const amount = pending < remaining ? pending : remaining
    if (amount === 0n || row.asset !== request.to.asset) continue
    remaining -= amount
    const returned = row.returned + amount
    const isReturned = returned === row.credited
    await updateSettlement(tx, {
      ...row,
      returned,
      ...(isReturned && { state: 'returned' as const, version: row.version + 1, settledAt: request.now }),
    })
    if (isReturned) await notifySettlementOwner(deps, tx, { id: row.id, version: row.version + 1 }, 'returned')
    await insertHoldRelease(tx, { cause: request.cause, settlementId: row.id, amount, undone: 0n }, request.now)
    released.push({
      id: deriveUuid(request.id, `free ${row.id}`),
      from: pendingAccount(row.account, row.asset),
      to: request.to,
      amount,
      kind: 'payments.free',
      ref: request.ref,
    })
  }
  return released
}

export interface PendingRelease {
  readonly intentId: string
  readonly available: Account
  readonly amount: bigint
  /** Id of the refund. */
  readonly cause: string
  /** The ids of the transfers are derived from this. */
  readonly source: string
}

/**
 * Releases pending money of a payment for a refund, without a fee. The caller holds the payment's lock, calls this before the refund's own hold,
 * and posts the returned transfers.
 */
export async function releasePendingForRefund(
  deps: Pick<Deps, 'clock'> & NotifyDeps,
  tx: Tx,
  { intentId, available: to, amount, cause, source }: PendingRelease,
): Promise<Transfer[]> {
  const held = await lockHeldForAmount(tx, { intentId, asset: to.asset, amount })
  return releasePending(deps, tx, held, {
    id: deriveUuid(source, 'free'),
    cause,
    to,
    amount,
    ref: cause,
    now: deps.clock.now(),
  })
}

export interface RestoredHold {
  /** Refunds and transfers for which the money was released. */
  readonly causes: readonly string[]
  readonly available: Account
  /** Maximum amount: the available part, without what repaid a debt. */
  readonly amount: bigint
  readonly source: string
  /** Reference of the transfers. */
  readonly ref: string
  /** Another part of the same money returns after this one. The rest of the release stays open for it. */
  readonly hasMoreParts?: boolean | undefined
}

/**
 * Moves released money back to its settlement, with the same terms and due date, when the refund failed or its money returned. The caller holds
 * the locks of the payment and of the debt, and posts the returned transfers.
 */
export async function restoreHold(
  deps: Pick<Deps, 'clock' | 'ids'> & NotifyDeps,
  tx: Tx,
  { causes, available, amount, source, ref, hasMoreParts = false }: RestoredHold,
): Promise<Transfer[]> {
  const now = deps.clock.now()
  const transfers: Transfer[] = []
  let remaining = amount
  for (const release of await listHoldReleases(tx, causes)) {
    const row = await lockSettlement(tx, release.settlementId)
    const released = release.amount - release.undone
    const part = released < remaining ? released : remaining
    // Settlements in another asset are not part of the returned money.
    if (row?.asset !== available.asset) continue
    remaining -= part
    const isSettled = row.state === 'settled'
    const undone = isSettled ? release.undone : release.undone + part
    await updateHoldRelease(tx, { ...release, undone }, hasMoreParts && part < released ? null : now)
    if (part === 0n) continue
    const id = deriveUuid(source, `hold-back ${release.cause} ${row.id}`)
    await (isSettled
      ? holdAsNewSettlement(deps, tx, row, { transferId: id, credited: part })
      : reopenSettlement(deps, tx, row, part))
    const to = pendingAccount(row.account, row.asset)
    transfers.push({ id, from: available, to, amount: part, kind: 'payments.hold-back', ref })
  }
  return transfers
}

async function reopenSettlement(deps: NotifyDeps, tx: Tx, row: SettlementRow, part: bigint): Promise<void> {
  const wasReturned = row.state === 'returned'
  const version = wasReturned ? row.version + 1 : row.version
  await updateSettlement(tx, { ...row, state: 'pending', settledAt: null, version, returned: row.returned - part })
  if (wasReturned) await notifySettlementOwner(deps, tx, { id: row.id, version }, 'created')
}

/** Opens a second settlement, because the first was settled meanwhile. The fixed fee was charged then, so it is zero here. */
async function holdAsNewSettlement(
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
