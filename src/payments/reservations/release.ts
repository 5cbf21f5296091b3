import { invariant } from '#platform/base/errors'
import { availableOf, debtOf, isCustomerAccount, repayTransfers } from '../postings.ts'
import { restoreHold } from '../settlements/holding.ts'
import { planned } from '../unit-of-work.ts'
import { holdIdOf } from './hold.ts'
import { booksOf, lockDebt, type RefundUnit } from './unit-of-work.ts'

/**
 * Releases the hold of a refund that was certainly not sent. The money repays the merchant's debt first. Money that was released from a
 * settlement for this refund returns to that settlement.
 */
export async function releaseReservation(unit: RefundUnit): Promise<void> {
  const { context, tx, row, transfers } = unit
  if (row.held === 0n) return
  const books = booksOf(unit)
  await lockDebt(unit, books)
  const debt = debtOf(books)
  const owed = -((await context.ledger.balance(tx, debt.code, debt.asset)).posted + planned(unit, debt))
  // A customer's money does not repay the merchant's debt.
  const repaid = owed <= 0n || isCustomerAccount(books.account) ? 0n : owed < row.held ? owed : row.held
  const event = { source: context.ids.next('rce'), ref: row.id, kind: 'payments.repayment' }
  const restored = await restoreHold(context, tx, {
    causes: [row.id],
    available: availableOf(books),
    amount: row.held - repaid,
    source: event.source,
    ref: row.id,
  })
  invariant(await context.ledger.release(tx, holdIdOf(row.id)), `the hold of ${row.id} exists`)
  transfers.push(...repayTransfers(event, books, repaid), ...restored)
}
