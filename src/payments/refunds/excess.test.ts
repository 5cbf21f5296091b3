import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Queryable, sql, type Sql, type TransactionOptions, type Tx } from '#platform/database/db'
import type { Outcome, RefundFact } from '#rails/contract'
import { openTestDatabase } from '../../../test/database.ts'
import { cardAttempt, KES, kes, openTrial, received, schemas, deliverEvent, type Trial } from '../fixture.ts'
import type { NewRefund, Refund } from './types.ts'

const dispute = (amount: bigint, reversalId = 'dp_1'): Extract<Outcome, { kind: 'reversed' }> => ({
  kind: 'reversed',
  receiptId: 'ch_1',
  amount: kes(amount),
  reason: 'disputed',
  reversalId,
})

/** Creates a card payment of KES 1,500 by charge ch_1. The merchant has no other money. */
async function paid(trial: Trial): Promise<string> {
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  return intentId
}

const refund = async (trial: Trial, input: Pick<NewRefund, 'intentId' | 'amount' | 'way'>): Promise<Refund> =>
  (await trial.payments.refunds.create({ merchantId: 'mer_1', ...input })).refund

const state = async (trial: Trial, id: string): Promise<string | undefined> =>
  (await trial.payments.refunds.find(trial.db, { id }))?.status

/** Returns the merchant's available balance and debt, and the money that the card and phone providers hold. */
async function stand(trial: Trial): Promise<bigint[]> {
  const clearing = async (rail: string): Promise<bigint> =>
    -(await trial.ledger.balance(trial.db, `rail:${rail}:main:clearing`, KES)).posted
  return [await trial.available(), await trial.debt(), await clearing('cards'), await clearing('tap')]
}

/** Delivers an event about a sending on the phone rail, and handles it. */
async function reportSending(trial: Trial, fact: Extract<RefundFact, { kind: 'sending' }>): Promise<void> {
  const payload = trial.push.refunds.says(fact)
  await trial.app.inject({ method: 'POST', url: '/api/webhook/tap', payload, headers: { 'x-signature': 'good' } })
  await trial.pass()
}

const cases = (trial: Trial): Promise<{ kind: string; ours: bigint; theirs: bigint }[]> =>
  trial.db.many(sql`select kind, ours, theirs from cases.cases where state = 'open' order by id`)

void test('a dispute cancels an open link of the same receipt, and the link’s hold pays for the dispute', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const link = await refund(trial, { intentId, way: 'claim' })
  const secret = link.claim?.secret.reveal() ?? assert.fail('no secret')
  await deliverEvent(trial, { receiptId: 'ch_1' }, dispute(150_000n))
  assert.deepEqual(await stand(trial), [0n, 0n, 0n, 0n])
  assert.equal(await state(trial, link.id), 'canceled')
  await trial.payments.refunds.claim({ id: link.id, secret, place: 'tap', to: '254700000001' })
  assert.equal(trial.push.refunds.sent.length, 0)
  await trial.booksHold()
})

void test('a partial dispute cancels only the links that the receipt no longer covers, newest first', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const first = await refund(trial, { intentId, amount: kes(50_000n), way: 'claim' })
  const second = await refund(trial, { intentId, amount: kes(60_000n), way: 'claim' })
  await deliverEvent(trial, { receiptId: 'ch_1' }, dispute(70_000n))
  assert.deepEqual([await state(trial, first.id), await state(trial, second.id)], ['claimable', 'canceled'])
  assert.deepEqual(await stand(trial), [80_000n, 0n, 80_000n, 0n])
  await trial.booksHold()
})

void test('a refund that was sent before a dispute is booked as debt, and opens a case', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const link = await refund(trial, { intentId, way: 'claim' })
  const secret = link.claim?.secret.reveal() ?? assert.fail('no secret')
  trial.push.refunds.onSend = () => ({ kind: 'pending', reference: 'b2c_1' })
  await trial.payments.refunds.claim({ id: link.id, secret, place: 'tap', to: '254700000001' })
  await deliverEvent(trial, { receiptId: 'ch_1' }, dispute(150_000n))
  assert.equal(await state(trial, link.id), 'pending', 'it was sent')
  trial.push.refunds.onCheck = () => ({ kind: 'succeeded', reference: 'b2c_1' })
  await trial.pass(5000)
  assert.equal(await state(trial, link.id), 'succeeded')
  assert.deepEqual(await stand(trial), [0n, -150_000n, 0n, -150_000n])
  assert.deepEqual(await cases(trial), [{ kind: 'returned-too-much', ours: 0n, theirs: 150_000n }])
  await trial.booksHold()

  // The dispute is won: the debt is repaid, and nothing is refundable, because the payer has the money.
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'dp_1:won', gross: kes(150_000n), returns: 'dp_1' }))
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'dp_1:won', gross: kes(150_000n), returns: 'dp_1' }))
  assert.deepEqual(await stand(trial), [0n, 0n, 150_000n, -150_000n])
  await assert.rejects(refund(trial, { intentId }), /has no refundable amount left/)
  await trial.booksHold()
})

void test('a full dispute after a partial refund debits the full amount; winning it returns what the payer did not get', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  await refund(trial, { intentId, amount: kes(40_000n) })
  await deliverEvent(trial, { receiptId: 'ch_1' }, dispute(150_000n))
  assert.deepEqual(await stand(trial), [0n, -40_000n, -40_000n, 0n])
  assert.deepEqual(await cases(trial), [{ kind: 'returned-too-much', ours: 110_000n, theirs: 150_000n }])
  await trial.booksHold()
  await deliverEvent(trial, { receiptId: 'ch_1' }, received({ id: 'dp_1:won', gross: kes(150_000n), returns: 'dp_1' }))
  assert.deepEqual(await stand(trial), [110_000n, 0n, 110_000n, 0n])
  assert.equal((await trial.find(intentId)).received.amount, 110_000n)
  await assert.rejects(refund(trial, { intentId, amount: kes(110_001n) }), /At most KES 1100.00/)
  await trial.booksHold()
})

void test('an amount that the provider lowers after a full refund is booked once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n), stated: false }))
  await refund(trial, { intentId })
  for (let i = 0; i < 2; i++)
    await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(90_000n) }))
  assert.deepEqual(await stand(trial), [0n, -60_000n, -60_000n, 0n])
  assert.deepEqual(await cases(trial), [{ kind: 'returned-too-much', ours: 0n, theirs: 60_000n }])
  assert.ok(!trial.log.entries.some(({ securityEvent }) => securityEvent === 'amount-conflict'))
  await trial.booksHold()
})

void test('two successful sendings of one refund are both booked, the second as a refund of its own', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const link = await refund(trial, { intentId, amount: kes(60_000n), way: 'claim' })
  const secret = link.claim?.secret.reveal() ?? assert.fail('no secret')
  const claim = (to: string): Promise<Refund> => trial.payments.refunds.claim({ id: link.id, secret, place: 'tap', to })
  trial.push.refunds.onSend = () => ({ kind: 'unknown', why: 'cut' })
  await claim('254700000001')
  await trial.pass(3_700_000)
  await trial.payments.refunds.resolve({ id: link.id, sent: undefined, why: 'not in the statement' })
  trial.push.refunds.onSend = ({ sendingId }) => ({ kind: 'succeeded', reference: sendingId })
  await claim('254711111111')
  assert.equal(await state(trial, link.id), 'succeeded')
  const late = { kind: 'sending', refundId: link.id, sendingId: `${link.id}-1`, needsCheck: false } as const
  for (let i = 0; i < 2; i++)
    await reportSending(trial, { ...late, outcome: { kind: 'succeeded', reference: `${link.id}-1` } })
  assert.deepEqual(await stand(trial), [30_000n, 0n, 150_000n, -120_000n])
  const { items } = await trial.payments.refunds.list(trial.db, { merchantId: 'mer_1', intentId, limit: 10 })
  assert.deepEqual(
    items.map(({ origin, status, amount }) => [origin, status, amount.amount]),
    [
      ['provider', 'succeeded', 60_000n],
      ['merchant', 'succeeded', 60_000n],
    ],
  )
  assert.deepEqual(await cases(trial), [{ kind: 'returned-too-much', ours: 0n, theirs: 60_000n }])
  assert.equal((await trial.find(intentId)).refunded.amount, 120_000n)
  await trial.booksHold()
})

void test('a late success closes the reopened link, and is booked on the rail that sent it', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const link = await refund(trial, { intentId, way: 'claim' })
  const secret = link.claim?.secret.reveal() ?? assert.fail('no secret')
  trial.push.refunds.onSend = () => ({ kind: 'unknown', why: 'cut' })
  await trial.payments.refunds.claim({ id: link.id, secret, place: 'tap', to: '254700000001' })
  await trial.pass(3_700_000)
  await trial.payments.refunds.resolve({ id: link.id, sent: undefined, why: 'not in the statement' })
  const outcome = { kind: 'succeeded', reference: 'b2c_1', number: 'SX1' } as const
  await reportSending(trial, {
    kind: 'sending',
    refundId: link.id,
    sendingId: `${link.id}-1`,
    needsCheck: false,
    outcome,
  })
  const done = await trial.payments.refunds.find(trial.db, { id: link.id })
  assert.deepEqual([done?.status, done?.rail, done?.number], ['succeeded', 'tap', 'SX1'])
  assert.deepEqual(await stand(trial), [0n, 0n, 150_000n, -150_000n])
  await trial.booksHold()
})

void test('the invariants detect money that left without a booking', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  await refund(trial, { intentId, amount: kes(40_000n) })
  const broken = async (change: ReturnType<typeof sql>): Promise<string> => {
    await database.owner.run(change)
    const found = await Promise.all((trial.payments.invariants ?? []).map(({ check }) => check(trial.db)))
    return found.flat().join('\n')
  }
  await refund(trial, { intentId, amount: kes(10_000n), way: 'claim' })
  assert.match(
    await broken(sql`update payments.refunds set state = 'succeeded' where state = 'claimable'`),
    /was sent and 0 of it is booked/,
  )
  assert.match(
    await broken(sql`update payments.receipt_states set excess = 1`),
    /says that 1 more was returned than received/,
  )
})

void test('a refund that ends during the check of the holds is no false alarm', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paid(trial)
  const link = await refund(trial, { intentId, way: 'claim' })
  const { check } =
    trial.payments.invariants?.find(({ name }) => name === 'payments.refunds-under-way-are-held') ?? assert.fail()
  const between = <Q extends Queryable>(q: Q): Q => ({
    ...q,
    many: async <Row extends object>(statement: Sql): Promise<Row[]> => {
      const rows = await q.many<Row>(statement)
      if ((await state(trial, link.id)) === 'claimable')
        await trial.payments.refunds.cancel({ id: link.id, merchantId: 'mer_1' })
      return rows
    },
  })
  const { transaction } = trial.db
  const db = {
    ...between(trial.db),
    transaction: <T>(act: (tx: Tx) => Promise<T>, options?: TransactionOptions) =>
      transaction((tx) => act(between(tx)), options),
  }
  assert.deepEqual(await check(db), [])
  assert.equal(await state(trial, link.id), 'canceled')
})
