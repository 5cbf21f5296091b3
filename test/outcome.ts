import assert from 'node:assert/strict'
import { sql } from '#platform/database/db'
import { assertBooksHold, available, find, leap, ledgerBalance } from './api/shop.ts'
import type { World } from './world.ts'

/** Checks of a payment's outcome: in the API, the receipts and the ledger. */

interface Receipts {
  readonly count: number
  readonly numbers: number
}

/** Counts a payment's receipts and receipt numbers. */
export const receiptsOf = (world: World, id: string): Promise<Receipts> =>
  world.app.db.one<Receipts>(sql`select count(*)::int as count, count(s.number)::int as numbers
    from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id where r.intent_id = ${id}`)

export const eventsOf = async (world: World, attemptId: string): Promise<number> =>
  (
    await world.app.db.one<{ count: number }>(
      sql`select count(*)::int as count from inbox.events where token_subject = ${attemptId}`,
    )
  ).count

export const countPrompts = async (world: World, phone: string): Promise<number> =>
  (
    await world.database.owner.one<{ count: number }>(
      sql`select count(*)::int as count from sandbox.prompts where phone = ${phone}`,
    )
  ).count

/** Checks that the payment is paid in full by one receipt and that the merchant has exactly this amount. */
export async function assertPaidOnce(world: World, id: string, shillings = '1500.00'): Promise<any> {
  const payment = await find(world, id)
  assert.deepEqual(
    [payment.status, payment.amount_received, payment.amount_due, payment.flags],
    ['paid', shillings, '0.00', { partial: false, overpaid: false, late: false }],
    JSON.stringify(payment),
  )
  assert.deepEqual(
    payment.attempts.map(({ status, reason }: any) => [status, reason]),
    [['settled', null]],
  )
  assert.equal((await receiptsOf(world, id)).count, 1)
  assert.deepEqual([await available(world), await ledgerBalance(world)], [shillings, shillings])
  await assertBooksHold(world)
  return payment
}

/** Checks that the attempt failed with this reason, no money moved, and the payer can try again. */
export async function assertFailed(world: World, id: string, reason: string): Promise<void> {
  const payment = await find(world, id)
  assert.deepEqual([payment.status, payment.amount_received], ['open', '0.00'])
  assert.deepEqual(
    payment.attempts.map(({ status, reason: why }: any) => [status, why]),
    [['failed', reason]],
  )
  assert.deepEqual([(await receiptsOf(world, id)).count, await ledgerBalance(world)], [0, '0.00'])
  await assertBooksHold(world)
}

/** Checks that nothing changes in the next ten minutes. */
export async function assertAtRest(world: World, id: string): Promise<void> {
  const before = await find(world, id)
  const held = await ledgerBalance(world)
  for (let n = 0; n < 20; n++) await leap(world, 30_000)
  assert.deepEqual([await find(world, id), await ledgerBalance(world)], [before, held])
}
