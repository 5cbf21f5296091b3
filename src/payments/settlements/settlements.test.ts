import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '#rails/contract'
import { openTestDatabase } from '../../../test/database.ts'
import { cardAttempt, KES, kes, MERCHANT, openTrial, received, schemas, deliverEvent, type Trial } from '../fixture.ts'
import { availableOf } from '../postings.ts'
import { releasePendingForRefund } from './holding.ts'
import { settlementFee } from './terms.ts'

const DAY_MS = 24 * 60 * 60_000
const terms = { holdDays: 2, feeBps: 100, feeFixed: {} }

const reversal = (receiptId: string, amount: bigint, reversalId: string): Extract<Outcome, { kind: 'reversed' }> => ({
  kind: 'reversed',
  receiptId,
  amount: kes(amount),
  reason: 'chargeback',
  reversalId,
})
const stand = async (trial: Trial): Promise<bigint[]> => [
  await trial.available(),
  (await trial.ledger.balance(trial.db, `merchant:${MERCHANT}:pending`, KES)).posted,
  await trial.debt(),
  (await trial.ledger.balance(trial.db, 'desk:fees', KES)).posted,
]

void test('a fee is a share, rounded half to even, plus a fixed part, and at most the amount', () => {
  assert.equal(settlementFee(KES, 10_000n, { feeBps: 250, feeFixed: 0n }), 250n)
  assert.equal(settlementFee(KES, 50n, { feeBps: 100, feeFixed: 0n }), 0n, 'half of a cent to the even one')
  assert.equal(settlementFee(KES, 150n, { feeBps: 100, feeFixed: 0n }), 2n)
  assert.equal(settlementFee(KES, 150n, { feeBps: 100, feeFixed: 1000n }), 150n)
})

void test('a reversal before the settlement uses pending money, without debt or fee', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const first = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: first.id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 50_000n, 'dp_1'))
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 50_000n, 'dp_1'))
  assert.deepEqual(await stand(trial), [0n, 100_000n, 0n, 0n])
  await trial.booksHold()
  await trial.pass(2 * DAY_MS)
  await trial.pass()
  assert.deepEqual(await stand(trial), [99_000n, 0n, 0n, 1000n], 'one percent of the remaining amount')
  await trial.booksHold()

  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 100_000n, 'dp_2'))
  assert.deepEqual(await stand(trial), [0n, 0n, -1000n, 1000n], 'after it was settled the fee stays')
  await trial.booksHold()
})

void test('a full reversal ends its settlement as returned; other settlements stay pending', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  for (const id of ['ch_1', 'ch_2']) {
    const attempt = await cardAttempt(trial)
    await deliverEvent(trial, { attemptId: attempt.id }, received({ id, gross: kes(150_000n) }))
  }
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 150_000n, 'dp_1'))
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  const { items } = await trial.payments.settlements.list(trial.db, { merchantId: MERCHANT, limit: 10 })
  assert.deepEqual(
    items.map(({ state }) => state),
    ['pending', 'returned'],
  )
  await trial.pass(2 * DAY_MS)
  await trial.pass()
  assert.deepEqual(await stand(trial), [148_500n, 0n, 0n, 1500n])
  await trial.booksHold()
})

void test('a debt is repaid before anything becomes available', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const first = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: first.id }, received({ id: 'ch_1', gross: kes(100_000n) }))
  await trial.pass(2 * DAY_MS)
  await trial.pass()
  const second = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: second.id }, received({ id: 'ch_2', gross: kes(150_000n) }))
  await deliverEvent(trial, { receiptId: 'ch_1' }, reversal('ch_1', 100_000n, 'dp_1'))
  assert.deepEqual(await stand(trial), [0n, 150_000n, -1000n, 1000n])
  await trial.pass(2 * DAY_MS)
  await trial.pass()
  assert.deepEqual(await stand(trial), [147_500n, 0n, 0n, 2500n])
  await trial.booksHold()
})

void test('a refund releases pending money of its own payment only', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const intents: string[] = []
  for (const id of ['ch_1', 'ch_2']) {
    const attempt = await cardAttempt(trial)
    intents.push(attempt.intentId)
    await deliverEvent(trial, { attemptId: attempt.id }, received({ id, gross: kes(150_000n) }))
  }
  const [intentId = ''] = intents
  const available = availableOf({ account: `merchant:${MERCHANT}`, asset: KES })
  const cause = trial.ids.next('re')
  const wanted = { intentId, available, amount: 500_000n, cause, source: cause }
  await trial.db.transaction(async (tx) =>
    trial.ledger.post(tx, await releasePendingForRefund({ ...trial, jobs: () => trial.jobs }, tx, wanted)),
  )
  assert.deepEqual(await stand(trial), [150_000n, 150_000n, 0n, 0n])
  await trial.booksHold()
})
