import { invariant } from '#platform/base/errors'
import { availableOf, debtOf, isCustomerAccount, repayTransfers } from '../postings.ts'
import { restoreHold } from '../settlements/holding.ts'
import { planned } from '../unit-of-work.ts'
import { holdOf } from './hold.ts'
import { booksOf, lockDebt, type RefundUnit } from './unit-of-work.ts'

/**
 * It was surely not sent: what was held is the merchant's again, and repays first what is owed. What was freed for it of money that the merchant gets
 * later is held back as before.
 */
export async function releaseReservation(unit: RefundUnit): Promise<void> {
  const { context, tx, row, transfers } = unit
  if (row.held === 0n) return
  const books = booksOf(unit)
  await lockDebt(unit, books)
  const debt = debtOf(books)
  const owed = -((await context.ledger.balance(tx, debt.code, debt.asset)).posted + planned(unit, debt))
  // A customer's money pays no debt of the merchant's.
  const repaid = owed <= 0n || isCustomerAccount(books.account) ? 0n : owed < row.held ? owed : row.held
  const event = { source: context.ids.next('rce'), ref: row.id, kind: 'payments.repayment' }
  const again = await restoreHold(context, tx, {
    causes: [row.id],
    available: availableOf(books),
    amount: row.held - repaid,
    source: event.source,
    ref: row.id,
  })
  invariant(await context.ledger.release(tx, holdOf(row.id)), `the hold of ${row.id} is there`)
  transfers.push(...repayTransfers(event, books, repaid), ...again)
}
