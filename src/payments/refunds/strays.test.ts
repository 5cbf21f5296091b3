import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetOf, money } from '#money'
import { openTestDatabase } from '../../../test/database.ts'
import {
  cardAttempt,
  kes,
  MERCHANT,
  openTrial,
  received,
  schemas,
  deliverEvent,
  deliverRefundEvent,
  type Trial,
} from '../fixture.ts'
import type { NewRefund, Refund } from './types.ts'

/** Uncounted money: it arrived in another currency than its payment's and was not exchanged. It can be refunded. */

const USD = assetOf('USD')
const usd = (amount: bigint) => money(USD, amount)

/** Creates a payment of KES 1,500 by charge ch_1, which also received USD 20. */
async function paid(trial: Trial): Promise<string> {
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_usd', gross: usd(2000n) }))
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  return intentId
}

const refund = async (trial: Trial, input: Partial<NewRefund> & { intentId: string }): Promise<Refund> =>
  (await trial.payments.refunds.create({ merchantId: MERCHANT, ...input })).refund

const dollars = async (trial: Trial): Promise<bigint[]> =>
  Promise.all(
    [`merchant:${MERCHANT}:available`, `merchant:${MERCHANT}:debt`, 'rail:cards:main:clearing'].map(
      async (code) => (await trial.ledger.balance(trial.db, code, USD)).posted,
    ),
  )

void test('uncounted money is shown, and is refunded to the original payment method, in its currency, at most once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  assert.deepEqual((await trial.find(intentId)).uncounted, [usd(2000n)])
  const some = await refund(trial, { intentId, amount: usd(500n) })
  assert.deepEqual(
    [some.status, some.amount, trial.page.refunds.sent[0]?.receiptId],
    ['succeeded', usd(500n), 'ch_usd'],
  )
  await assert.rejects(refund(trial, { intentId, amount: usd(1501n) }), /At most USD 15.00/)
  const rest = await refund(trial, { intentId, asset: USD })
  assert.deepEqual(rest.amount, usd(1500n))
  await assert.rejects(refund(trial, { intentId, asset: USD }), /has no refundable amount left/)
  const after = await trial.find(intentId)
  assert.deepEqual([after.status, after.received, after.refunded], ['paid', kes(150_000n), kes(0n)])
  assert.deepEqual(after.uncounted, [usd(0n)])
  assert.deepEqual(await dollars(trial), [0n, 0n, 0n])
  await trial.booksHold()
})

void test('uncounted money is refunded by a link and manually, and a returned refund is credited again', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const link = await refund(trial, { intentId, asset: USD, way: 'claim' })
  const secret = link.claim?.secret.reveal() ?? assert.fail('no secret')
  await trial.payments.refunds.claim({ id: link.id, secret, place: 'hand', to: 'Bank 77, Jane' })
  const done = await trial.payments.refunds.resolve({ id: link.id, sent: { number: 'FT1' }, why: '' })
  assert.deepEqual([done.status, done.amount], ['succeeded', usd(2000n)])
  assert.deepEqual(await dollars(trial), [0n, 0n, -2000n])
  await trial.booksHold()

  const other = await paidBySecond(trial)
  const one = await refund(trial, { intentId: other, asset: USD })
  const outcome = { kind: 'failed', reason: 'expired', reference: `prov_${one.id}-1` } as const
  const word = { reference: outcome.reference, refundId: one.id, receiptId: 'ch_usd2', amount: usd(300n), outcome }
  await deliverRefundEvent(trial, { kind: 'observed', refund: word })
  assert.deepEqual(await dollars(trial), [300n, 0n, -2300n])
  assert.equal((await refund(trial, { intentId: other, asset: USD, way: 'claim' })).status, 'claimable')
  await trial.booksHold()
})

async function paidBySecond(trial: Trial): Promise<string> {
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_usd2', gross: usd(300n) }))
  return intentId
}

void test('a dispute of uncounted money is booked in its currency, and cancels its open refund', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const link = await refund(trial, { intentId, asset: USD, way: 'claim' })
  const dispute = { kind: 'reversed', receiptId: 'ch_usd', reason: 'disputed', reversalId: 'dp_1' } as const
  for (let i = 0; i < 2; i++) await deliverEvent(trial, { receiptId: 'ch_usd' }, { ...dispute, amount: usd(2000n) })
  assert.equal((await trial.payments.refunds.find(trial.db, { id: link.id }))?.status, 'canceled')
  assert.deepEqual(await dollars(trial), [0n, 0n, 0n])
  assert.deepEqual((await trial.find(intentId)).received, kes(150_000n))
  await trial.booksHold()
  await deliverEvent(trial, { receiptId: 'ch_usd' }, received({ id: 'dp_1:won', gross: usd(2000n), returns: 'dp_1' }))
  assert.deepEqual((await refund(trial, { intentId, asset: USD })).amount, usd(2000n))
  await trial.booksHold()
})
