import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import type { Outcome } from '#rails/contract'
import { openTestDatabase } from '../../../test/database.ts'
import { cardAttempt, KES, kes, MERCHANT, openTrial, received, schemas, deliverEvent } from '../fixture.ts'

const reversal = (receiptId: string, amount: bigint, reversalId: string): Extract<Outcome, { kind: 'reversed' }> => ({
  kind: 'reversed',
  receiptId,
  amount: kes(amount),
  reason: 'chargeback',
  reversalId,
})

void test('a reversal debits the available balance; the rest becomes debt, which is repaid first', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const first = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: first.id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  // The merchant withdraws 100,000.
  await trial.db.transaction((tx) =>
    trial.ledger.post(tx, [
      {
        id: trial.ids.uuid(),
        from: { code: `merchant:${MERCHANT}:available`, asset: KES, mayOverdraw: false },
        to: { code: 'world', asset: KES, mayOverdraw: true },
        amount: 100_000n,
        kind: 'test.payout',
        ref: 'x',
      },
    ]),
  )
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 150_000n, 'dp_1'))
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 150_000n, 'dp_1'))
  assert.equal(await trial.available(), 0n)
  assert.equal(await trial.debt(), -100_000n)
  const gone = await trial.find(first.intentId)
  assert.equal(gone.status, 'reversed')
  assert.deepEqual([gone.received, gone.reversed], [kes(0n), kes(150_000n)])
  await trial.booksHold()

  const second = await cardAttempt(trial, { amount: kes(60_000n) })
  await deliverEvent(trial, { attemptId: second.id }, received({ id: 'ch_2', gross: kes(60_000n) }))
  assert.deepEqual([await trial.available(), await trial.debt()], [0n, -40_000n])
  const third = await cardAttempt(trial, { amount: kes(60_000n) })
  await deliverEvent(trial, { attemptId: third.id }, received({ id: 'ch_3', gross: kes(60_000n) }))
  assert.deepEqual([await trial.available(), await trial.debt()], [20_000n, 0n])
  assert.equal((await trial.find(third.intentId)).status, 'paid')
  await trial.booksHold()
})

void test('partial reversals beyond the receipt are booked in full; a won dispute is credited again', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 50_000n, 'r1'))
  assert.deepEqual((await trial.find(intentId)).received, kes(100_000n))
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 150_000n, 'r2'))
  assert.deepEqual((await trial.find(intentId)).received, kes(0n))
  assert.equal(await trial.available(), 0n)
  assert.equal(await trial.debt(), -50_000n)
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'r2:won', gross: kes(160_000n), returns: 'r2' }))
  assert.deepEqual((await trial.find(intentId)).received, kes(100_000n), 'no more than the reversal took')
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'r1:won', gross: kes(50_000n), returns: 'r1' }))
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'r1:won', gross: kes(50_000n), returns: 'r1' }))
  const won = await trial.find(intentId)
  assert.equal(won.status, 'paid')
  assert.equal(won.flags.late, false)
  await trial.booksHold()
})

void test('a won dispute without its reversal credits nothing: it waits for the reversal, then for an operator', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  const won = received({ id: 'dp_1:won', gross: kes(150_000n), returns: 'dp_1' })
  await deliverEvent(trial, { receiptId: 'ch_1' }, won)
  assert.equal(await trial.available(), 150_000n)
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 150_000n, 'dp_1'))
  assert.equal(await trial.available(), 0n)
  await trial.pass(5000)
  assert.equal(await trial.available(), 150_000n, 'events of a dispute arrive in any order')
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'dp_2:won', gross: kes(150_000n), returns: 'dp_2' }))
  for (let i = 0; i < 100; i++) await trial.pass(900_000)
  assert.deepEqual((await trial.find(intentId)).received, kes(150_000n))
  const { note } = await trial.db.one<{ note: string }>(sql`select note from inbox.events where state = 'parked'`)
  assert.match(note, /nothing-to-give-back/)
  await trial.booksHold()
})

void test('a partial refund shows and leaves the payment paid; a full one makes it reversed, and it stays reversed', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  await deliverEvent(trial, { receiptId: 'ch_1' }, { ...reversal('ch_1', 100n, 'r1'), refund: true })
  const some = await trial.find(intentId)
  assert.equal(some.status, 'paid')
  assert.deepEqual([some.received, some.refunded, some.reversed], [kes(149_900n), kes(100n), kes(100n)])
  assert.deepEqual(some.flags, { partial: false, overpaid: false, late: false })
  await assert.rejects(trial.start(intentId), /paid/)
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 149_900n, 'dp_1'))
  const gone = await trial.find(intentId)
  assert.deepEqual([gone.status, gone.refunded, gone.reversed], ['reversed', kes(100n), kes(150_000n)])
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_2', gross: kes(100n) }))
  assert.equal(
    (await trial.find(intentId)).status,
    'reversed',
    'a partial payment after a full reversal does not make it paid',
  )
  await trial.booksHold()
})

void test('concurrent receipts repay a debt once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const first = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: first.id }, received({ id: 'ch_0', gross: kes(150_000n) }))
  await trial.db.transaction((tx) =>
    trial.ledger.post(tx, [
      {
        id: trial.ids.uuid(),
        from: { code: `merchant:${MERCHANT}:available`, asset: KES, mayOverdraw: false },
        to: { code: 'world', asset: KES, mayOverdraw: true },
        amount: 150_000n,
        kind: 'test.payout',
        ref: 'x',
      },
    ]),
  )
  await deliverEvent(trial, { receiptId: 'ch_0' }, reversal('ch_0', 150_000n, 'dp_0'))
  assert.equal(await trial.debt(), -150_000n)
  const attempts = await Promise.all(Array.from({ length: 12 }, () => cardAttempt(trial, { amount: kes(150_000n) })))
  const post = attempts.map(async ({ id }, i) => {
    const payload = trial.page.says({
      about: { attemptId: id },
      outcome: received({ id: `ch_x${i}`, gross: kes(150_000n) }),
      needsCheck: false,
    })
    await trial.app.inject({ method: 'POST', url: '/api/webhook/cards', payload, headers: { 'x-signature': 'good' } })
  })
  await Promise.all(post)
  await trial.rush()
  assert.deepEqual([await trial.available(), await trial.debt()], [11n * 150_000n, 0n])
  await trial.booksHold()
})

void test('a reversal of money that is being spent debits the remainder and books the rest as debt', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  let [done, spent] = [false, 0n]
  const spend = async (): Promise<void> => {
    while (!done) {
      const available = { code: `merchant:${MERCHANT}:available`, asset: KES, mayOverdraw: false }
      const world = { code: 'world', asset: KES, mayOverdraw: true }
      const transfer = { id: trial.ids.uuid(), from: available, to: world, amount: 10n, kind: 'test.payout', ref: 'x' }
      const posted = await trial.ledger.post(trial.db, [transfer]).catch(() => undefined)
      if (posted) spent += transfer.amount
      else return
    }
  }
  const spending = [1, 2, 3, 4].map(spend)
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 150_000n, 'r1'))
  done = true
  await Promise.all(spending)
  assert.equal((await trial.available()) + (await trial.debt()), -spent)
  assert.ok((await trial.available()) >= 0n)
  await trial.booksHold()
})
