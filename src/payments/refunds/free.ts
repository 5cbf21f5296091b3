import { invariant } from '#platform/errors'
import { debtOf, repayTransfers } from '../postings.ts'
import { planned } from '../work.ts'
import { holdOf } from './hold.ts'
import { booksOf, lockDebt, type RefundWork } from './work.ts'

/** It was surely not sent: what was held is the merchant's again, and repays first what is owed. */
export async function freeMoney(work: RefundWork): Promise<void> {
  const { core, tx, row, transfers } = work
  if (row.held === 0n) return
  const books = booksOf(work)
  await lockDebt(work, books)
  invariant(await core.ledger.release(tx, holdOf(row.id)), `the hold of ${row.id} is there`)
  const { code, asset } = debtOf(books)
  const owed = -((await core.ledger.balance(tx, code, asset)).posted + planned(work, code))
  if (owed <= 0n) return
  const event = { source: core.ids.next('rce'), ref: row.id, kind: 'payments.repayment' }
  transfers.push(...repayTransfers(event, books, owed < row.held ? owed : row.held))
}
