import { money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { deriveUuid } from '#platform/base/ids'
import type { Context } from '../context.ts'
import { availableOf, debtOf, isCustomerAccount } from '../postings.ts'
import { releasePendingForRefund } from '../settlements/holding.ts'
import type { IntentRow } from '../store/intents.ts'
import { lockAccount } from '../store/receipts.ts'
import type { RefundRow } from '../store/refunds.ts'
import { insufficientBalance } from './errors.ts'

/** Lifetime of a hold: 100 years. A hold that expired before its refund ends would let the money be spent twice. */
const HOLD_MS = 100 * 365 * 24 * 60 * 60_000

export const holdIdOf = (refundId: string): string => deriveUuid(refundId, 'hold')

/**
 * Places a hold on the refund's money, so that nothing else spends it. If the operator allows debt, holds at most the available balance; the
 * rest becomes debt when the refund succeeds. Returns the held amount. Throws 409 `payments.insufficient-balance`.
 */
export async function holdRefund(
  tx: Tx,
  context: Context,
  { account }: IntentRow,
  { id, intentId, asset, amount }: RefundRow,
): Promise<bigint> {
  const available = availableOf({ account, asset })
  // Only merchants may go into debt, because the operator can ask them to pay it.
  const mayOwe = context.refunds().beyondBalance === 'debt' && !isCustomerAccount(account)
  // Reversals take the debt lock first, too, so the lock order is the same.
  if (mayOwe) await lockAccount(tx, `${debtOf({ account, asset }).code} ${asset}`)
  // Pending settlement money of this payment is returned first.
  const released = await releasePendingForRefund(context, tx, { intentId, available, amount, cause: id, source: id })
  if (released.length > 0) await context.ledger.post(tx, released)
  const hold = (held: bigint): Promise<boolean> =>
    context.ledger.hold(tx, {
      id: holdIdOf(id),
      account: available,
      amount: held,
      expiresAt: addMs(context.clock.now(), HOLD_MS),
    })
  if (await hold(amount)) return amount
  const balance = await context.ledger.balance(tx, available.code, asset)
  if (!mayOwe) throw insufficientBalance(money(asset, balance.available), money(asset, amount))
  const coverable = balance.available < amount ? balance.available : amount
  return coverable > 0n && (await hold(coverable)) ? coverable : 0n
}
