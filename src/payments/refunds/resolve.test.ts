import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs } from '#platform/base/clock'
import { sql } from '#platform/database/db'
import type { RefundOutcome } from '#rails/contract'
import { openTestDatabase } from '../../../test/database.ts'
import { cardAttempt, kes, openTrial, received, schemas, deliverEvent, type Trial } from '../fixture.ts'
import type { NewRefund, Refund } from './types.ts'

async function paid(trial: Trial): Promise<string> {
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  return intentId
}

const refund = async (trial: Trial, input: Partial<NewRefund> & { intentId: string }): Promise<Refund> =>
  (await trial.payments.refunds.create({ merchantId: 'mer_1', ...input })).refund

void test('an operator cannot resolve a refund while it is being sent', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const asked = Promise.withResolvers<string>()
  const answer = Promise.withResolvers<RefundOutcome>()
  trial.page.refunds.onSend = ({ refundId }) => {
    asked.resolve(refundId)
    return answer.promise
  }
  const sending = refund(trial, { intentId })
  const id = await asked.promise
  const say = (sent: object | undefined): Promise<Refund> =>
    trial.payments.refunds.resolve({ id, sent, why: 'I saw nothing' })
  await assert.rejects(say(undefined), /is being sent/)
  await assert.rejects(say({}), /is being sent/)
  answer.resolve({ kind: 'unknown', why: 'cut' })
  await sending
  await assert.rejects(say(undefined), /is being sent/, 'its answer may be on its way to another instance')
  trial.clock.advance(90_000)
  assert.equal((await say(undefined)).status, 'failed')
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

void test('a repeated command refunds once, unless --again is given', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const wanted = { intentId, amount: kes(50_000n), unlessSince: addMs(trial.clock.now(), -600_000) }
  const both = await Promise.allSettled([refund(trial, wanted), refund(trial, wanted)])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  await assert.rejects(refund(trial, wanted), /refunded the same amount .* --again/)
  await refund(trial, { ...wanted, amount: kes(60_000n) })
  await refund(trial, { intentId, amount: kes(40_000n) })
  assert.equal((await trial.find(intentId)).refunded.amount, 150_000n)
  await trial.booksHold()
})

void test('an error before the call leaves the refund unsent, and a retry sends it', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id } = await refund(trial, { intentId: await paid(trial), later: true })
  await database.owner.run(sql`revoke select on payments.refund_parts from purser_app`)
  await trial.pass(5000)
  const states = await trial.db.many<{ state: string }>(sql`select state from payments.refunds where id = ${id}`)
  assert.deepEqual([states, trial.page.refunds.sent.length], [[{ state: 'created' }], 0])
  await database.owner.run(sql`grant select on payments.refund_parts to purser_app`)
  await trial.pass(120_000)
  assert.equal((await trial.payments.refunds.find(trial.db, { id }))?.status, 'succeeded')
  assert.equal(trial.page.refunds.sent.length, 1)
  await trial.booksHold()
})
