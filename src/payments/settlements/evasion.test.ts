import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import type { ProviderRefund } from '#rails/contract'
import { openTestDatabase } from '../../../test/database.ts'
import {
  cardAttempt,
  KES,
  kes,
  MERCHANT,
  openTrial,
  received,
  referenceOf,
  schemas,
  deliverEvent,
  deliverRefundEvent,
  type Trial,
} from '../fixture.ts'
import type { NewRefund, Refund } from '../refunds/types.ts'

/** A failed or returned refund never makes pending money available early, and never avoids a fee. */

const DAY_MS = 24 * 60 * 60_000
const terms = { holdDays: 40, feeBps: 100, feeFixed: { KES: 500n } }

const stand = async (trial: Trial): Promise<bigint[]> => [
  await trial.available(),
  (await trial.ledger.balance(trial.db, `merchant:${MERCHANT}:pending`, KES)).posted,
  await trial.debt(),
  (await trial.ledger.balance(trial.db, 'desk:fees', KES)).posted,
]

async function paid(trial: Trial, charge = 'ch_1'): Promise<string> {
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: charge, gross: kes(150_000n) }))
  return intentId
}

const refund = async (trial: Trial, input: Partial<NewRefund> & { intentId: string }): Promise<Refund> =>
  (await trial.payments.refunds.create({ merchantId: MERCHANT, ...input })).refund

/** Passes the hold time. */
async function settle(trial: Trial): Promise<void> {
  await trial.pass(40 * DAY_MS)
  await trial.pass()
  await trial.booksHold()
}

void test('a canceled link and an expired link move their money back to the settlement', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const intentId = await paid(trial)
  const one = await refund(trial, { intentId, way: 'claim' })
  assert.deepEqual(await stand(trial), [150_000n, 0n, 0n, 0n])
  await trial.booksHold()
  await trial.payments.refunds.cancel({ id: one.id, merchantId: MERCHANT })
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  await trial.booksHold()
  await refund(trial, { intentId, amount: kes(60_000n), way: 'claim' })
  await trial.pass(30 * DAY_MS)
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n], 'it is still held')
  await trial.booksHold()
  await settle(trial)
  assert.deepEqual(await stand(trial), [148_000n, 0n, 0n, 2000n])
  const { items } = await trial.payments.settlements.list(trial.db, { merchantId: MERCHANT, limit: 10 })
  assert.deepEqual(
    items.map(({ state, returned, net }) => [state, returned.amount, net.amount]),
    [['settled', 0n, 148_000n]],
  )
})

void test('a failed refund to the original payment method moves its money back to the settlement', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const intentId = await paid(trial)
  trial.page.refunds.onSend = () => ({ kind: 'failed', reason: 'provider-rejected' })
  assert.equal((await refund(trial, { intentId, amount: kes(100_000n) })).status, 'failed')
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  await settle(trial)
  assert.deepEqual(await stand(trial), [148_000n, 0n, 0n, 2000n])
})

void test('a refund that was given up and succeeded later uses pending money first', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const intentId = await paid(trial)
  trial.page.refunds.onSend = () => ({ kind: 'pending', reference: 'prov_1' })
  const one = await refund(trial, { intentId, amount: kes(100_000n) })
  trial.page.refunds.onCheck = () => ({ kind: 'failed', reason: 'provider-rejected' })
  await trial.pass(5000)
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  trial.page.refunds.onCheck = () => ({ kind: 'succeeded', reference: 'prov_1' })
  const word = { reference: 'prov_1', refundId: one.id, receiptId: 'ch_1', amount: kes(100_000n) }
  await deliverRefundEvent(trial, {
    kind: 'observed',
    refund: { ...word, outcome: { kind: 'succeeded', reference: 'prov_1' } },
  })
  assert.deepEqual(await stand(trial), [0n, 50_000n, 0n, 0n])
  await settle(trial)
  assert.deepEqual(await stand(trial), [49_000n, 0n, 0n, 1000n])
})

void test('a returned refund returns to the settlement; money that was settled meanwhile pays the fixed fee once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const back = async (one: Refund, charge: string): Promise<void> => {
    const reference = `prov_${one.id}-1`
    const outcome = { kind: 'failed', reason: 'expired', reference } as const
    const word: ProviderRefund = { reference, refundId: one.id, receiptId: charge, amount: one.amount, outcome }
    await deliverRefundEvent(trial, { kind: 'observed', refund: word })
    await trial.booksHold()
  }
  const first = await refund(trial, { intentId: await paid(trial), amount: kes(100_000n) })
  assert.deepEqual(await stand(trial), [0n, 50_000n, 0n, 0n])
  await back(first, 'ch_1')
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  await settle(trial)
  assert.deepEqual(await stand(trial), [148_000n, 0n, 0n, 2000n])

  const second = await refund(trial, { intentId: await paid(trial, 'ch_2'), amount: kes(100_000n) })
  await settle(trial)
  assert.deepEqual(await stand(trial), [197_000n, 0n, 0n, 3000n])
  await back(second, 'ch_2')
  await trial.pass()
  assert.deepEqual(await stand(trial), [296_000n, 0n, 0n, 4000n], 'the share of the fee, and not the fixed part again')

  const third = await refund(trial, { intentId: await paid(trial, 'ch_3') })
  await trial.payments.settlements.list(trial.db, { merchantId: MERCHANT, limit: 1 })
  await back(third, 'ch_3')
  assert.deepEqual(await stand(trial), [296_000n, 150_000n, 0n, 4000n])
})

void test('a returned refund of several receipts is split back to their settlements in full', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const intent = await trial.create()
  for (const [n, gross] of [
    [1, 60_000n],
    [2, 90_000n],
  ] as const) {
    const attempt = await trial.start(intent.id)
    trial.push.onCheck = () => received({ id: `m_${n}`, gross: kes(gross) }, referenceOf(attempt.id))
    await trial.pass(5000)
  }
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  // The newest receipt is refunded first, but the oldest settlement is released first, so the parts differ.
  const one = await refund(trial, { intentId: intent.id, amount: kes(120_000n) })
  assert.deepEqual([one.status, await stand(trial)], ['succeeded', [0n, 30_000n, 0n, 0n]])
  const reference = `prov_${one.id}-1`
  const outcome = { kind: 'failed', reason: 'expired', reference } as const
  const word: ProviderRefund = { reference, refundId: one.id, receiptId: 'm_1', amount: one.amount, outcome }
  const payload = trial.push.refunds.says({ kind: 'observed', refund: word })
  const headers = { 'x-signature': 'good' }
  await trial.app.inject({ method: 'POST', url: '/api/webhook/tap', payload, headers })
  await trial.pass()
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  await trial.booksHold()
})

void test('the money of a won dispute returns to the settlement, and settled money pays no second fee', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const dispute = { kind: 'reversed', receiptId: 'ch_1', amount: kes(150_000n), reason: 'disputed' } as const
  await paid(trial)
  await deliverEvent(trial, { receiptId: 'ch_1' }, { ...dispute, reversalId: 'dp_1' })
  assert.deepEqual(await stand(trial), [0n, 0n, 0n, 0n])
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'dp_1:won', gross: kes(150_000n), returns: 'dp_1' }))
  assert.deepEqual(await stand(trial), [0n, 150_000n, 0n, 0n])
  await settle(trial)
  assert.deepEqual(await stand(trial), [148_000n, 0n, 0n, 2000n])

  await paid(trial, 'ch_2')
  await settle(trial)
  assert.deepEqual(await stand(trial), [296_000n, 0n, 0n, 4000n])
  await deliverEvent(trial, { receiptId: 'ch_2' }, { ...dispute, receiptId: 'ch_2', reversalId: 'dp_2' })
  await deliverEvent(trial, { receiptId: 'ch_2' }, received({ id: 'dp_2:won', gross: kes(150_000n), returns: 'dp_2' }))
  assert.deepEqual(await stand(trial), [296_000n, 0n, 0n, 4000n], 'neither pending nor charged again')
  await trial.booksHold()
})

void test('with many small receipts a refund releases only its amount, and the invariants detect an unused release', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  const { id, intentId } = await cardAttempt(trial)
  const many = Array.from({ length: 210 }, (_, i) => received({ id: `ch_${i}`, gross: kes(1000n) }).receipts).flat()
  await deliverEvent(trial, { attemptId: id }, { kind: 'received', receipts: many })
  assert.deepEqual(await stand(trial), [0n, 210_000n, 0n, 0n])
  const one = await refund(trial, { intentId, amount: kes(180_000n), way: 'claim' })
  assert.deepEqual(await stand(trial), [180_000n, 30_000n, 0n, 0n])
  await refund(trial, { intentId, amount: kes(1000n) })
  assert.deepEqual([trial.page.refunds.sent.length, trial.page.refunds.sent[0]?.receiptId], [1, 'ch_29'])
  await trial.payments.refunds.cancel({ id: one.id, merchantId: MERCHANT })
  assert.deepEqual(await stand(trial), [0n, 209_000n, 0n, 0n])
  await trial.booksHold()
  await database.owner.run(sql`update payments.settlement_frees set ended_at = null where cause = ${one.id}`)
  const found = await Promise.all((trial.payments.invariants ?? []).map(({ check }) => check(trial.db)))
  assert.match(found.flat().join(), /which gave nothing back/)
})
