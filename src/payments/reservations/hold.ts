import { money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { deriveUuid } from '#platform/base/ids'
import type { Context } from '../context.ts'
import { availableOf, debtOf, isCustomerAccount } from '../postings.ts'
import { freeForRefund } from '../settlements/holding.ts'
import type { IntentRow } from '../store/intents.ts'
import { lockAccount } from '../store/receipts.ts'
import type { RefundRow } from '../store/refunds.ts'
import { insufficientBalance } from './errors.ts'

/** Refunds end by themselves, never by their hold: one that ended would let the money be spent twice. */
const HOLD_MS = 100 * 365 * 24 * 60 * 60_000

export const holdOf = (refundId: string): string => deriveUuid(refundId, 'hold')

/**
 * Sets the refund's money aside, so that nothing else spends it meanwhile. Where the operator lets merchants go below, as much as there is; the
 * rest becomes debt when the refund succeeds, as with a reversal. @returns what is held
 */
export async function holdFor(
  tx: Tx,
  context: Context,
  { account }: IntentRow,
  { id, intentId, asset, amount }: RefundRow,
): Promise<bigint> {
  const available = availableOf({ account, asset })
  // The debt that the operator allows is merchants', who can be told to pay it.
  const mayOwe = context.refunds().beyondBalance === 'debt' && !isCustomerAccount(account)
  // The lock under which money is taken back elsewhere too, and before all others as there.
  if (mayOwe) await lockAccount(tx, `${debtOf({ account, asset }).code} ${asset}`)
  // What of the payment is not the merchant's yet goes back first.
  const freed = await freeForRefund(context, tx, { intentId, available, amount, cause: id, source: id })
  if (freed.length > 0) await context.ledger.post(tx, freed)
  const hold = (held: bigint): Promise<boolean> =>
    context.ledger.hold(tx, {
      id: holdOf(id),
      account: available,
      amount: held,
      expiresAt: addMs(context.clock.now(), HOLD_MS),
    })
  if (await hold(amount)) return amount
  const balance = await context.ledger.balance(tx, available.code, asset)
  if (!mayOwe) throw insufficientBalance(money(asset, balance.available), money(asset, amount))
  const there = balance.available < amount ? balance.available : amount
  return there > 0n && (await hold(there)) ? there : 0n
}
