import { invariant } from '#platform/errors'
import { availableOf, debtOf, isCustomers, repayTransfers } from '../postings.ts'
import { holdAgain } from '../settlements/holding.ts'
import { planned } from '../work.ts'
import { holdOf } from './hold.ts'
import { booksOf, lockDebt, type RefundWork } from './work.ts'

/**
 * It was surely not sent: what was held is the merchant's again, and repays first what is owed. What was freed for it of money that the merchant gets
 * later is held back as before.
 */
export async function freeMoney(work: RefundWork): Promise<void> {
  const { core, tx, row, transfers } = work
  if (row.held === 0n) return
  const books = booksOf(work)
  await lockDebt(work, books)
  const debt = debtOf(books)
  const owed = -((await core.ledger.balance(tx, debt.code, debt.asset)).posted + planned(work, debt))
  // A customer's money pays no debt of the merchant's.
  const repaid = owed <= 0n || isCustomers(books.account) ? 0n : owed < row.held ? owed : row.held
  const event = { source: core.ids.next('rce'), ref: row.id, kind: 'payments.repayment' }
  const again = await holdAgain(core, tx, {
    causes: [row.id],
    available: availableOf(books),
    amount: row.held - repaid,
    source: event.source,
    ref: row.id,
  })
  invariant(await core.ledger.release(tx, holdOf(row.id)), `the hold of ${row.id} is there`)
  transfers.push(...repayTransfers(event, books, repaid), ...again)
}
