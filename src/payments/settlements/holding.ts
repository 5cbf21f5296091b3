import type { Account, Ledger, Transfer } from '#ledger'
import { currencyOf } from '#money'
import { addMs } from '#platform/clock'
import type { Db, Tx } from '#platform/db'
import { deriveUuid, isId } from '#platform/ids'
import type { PaymentsDeps } from '../face.ts'
import { insertSettlement, lockHeld, lockHeldOf, updateSettlement, type SettlementRow } from './store.ts'
import { tellSettlement, type TellDeps } from './tell.ts'

/**
 * What merchants get later. The money is credited as ever, and in the same posting it goes on to `pending`, where it stays until it is
 * settled. What goes back to a payer meanwhile comes out of there first. It is done where payments posts, so that whatever credits and takes
 * follows it without knowing.
 */

const DAY_MS = 24 * 60 * 60_000
export const SETTLEMENTS_QUEUE = 'payments.settlements'

type Deps = Pick<PaymentsDeps, 'ledger' | 'clock' | 'ids' | 'settlementTerms'> & TellDeps

const MERCHANT = /^(merchant:(mer_\w+)):(available|debt)$/
/** Kinds of transfers that take of a receipt. Refunds are not among them: they free what they need beforehand. */
const TAKES: ReadonlySet<string> = new Set(['payments.reversal', 'payments.correction'])

export const pendingOf = (account: string, asset: Account['asset']): Account => ({
  code: `${account}:pending`,
  asset,
  mayOverdraw: false,
})

/** The ledger as payments uses it. */
export function holdingBack(deps: Deps): Ledger {
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
  const credits = into?.[3] === 'available' && isId('rcp', transfer.ref) && !MERCHANT.test(from.code)
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
    dueAt: addMs(now, terms.holdDays * DAY_MS),
    createdAt: now,
    settledAt: null,
  })
  await tellSettlement(deps, tx, settlementId, 'created')
  if (terms.holdDays === 0) tx.afterCommit(() => jobs().wake(SETTLEMENTS_QUEUE))
  const pending = pendingOf(account, to.asset)
  return [{ id: deriveUuid(id, 'hold-back'), from: to, to: pending, amount, kind: 'payments.hold-back', ref }]
}

/** What is taken of a receipt comes out of what is held of it: to where it was taken from. */
async function takeHeld(deps: Deps, tx: Tx, { id, from, amount, ref }: Transfer): Promise<Transfer[]> {
  const held = await lockHeld(tx, ref)
  return freeOf(deps, tx, held, { id, to: from, amount, ref, now: deps.clock.now() })
}

interface Wanted {
  readonly id: string
  readonly to: Account
  readonly amount: bigint
  readonly ref: string
  readonly now: Date
}

async function freeOf(deps: TellDeps, tx: Tx, held: readonly SettlementRow[], wanted: Wanted): Promise<Transfer[]> {
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
      ...(over && { state: 'returned' as const, settledAt: wanted.now }),
    })
    if (over) await tellSettlement(deps, tx, row.id, 'returned')
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

/**
 * Makes money of a payment that is held back available at once, to be given back to its payer: no fee is kept of it. Before the refund's own
 * hold, under the payment's lock. `source` is the refund's id.
 */
export async function freeForRefund(
  deps: Pick<Deps, 'ledger' | 'clock'> & TellDeps,
  tx: Tx,
  wanted: { intentId: string; available: Account; amount: bigint; source: string },
): Promise<void> {
  const { intentId, available: to, amount, source } = wanted
  const id = deriveUuid(source, 'free')
  const now = deps.clock.now()
  const freed = await freeOf(deps, tx, await lockHeldOf(tx, intentId), { id, to, amount, ref: source, now })
  if (freed.length > 0) await deps.ledger.post(tx, freed)
}
