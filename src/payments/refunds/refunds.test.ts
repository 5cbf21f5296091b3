import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import type { AppError } from '#platform/base/errors'
import type { ProviderRefund } from '#rails/contract'
import { openTestDatabase, tamper } from '../../../test/database.ts'
import {
  cardAttempt,
  codeOf,
  kes,
  KES,
  MERCHANT,
  openTrial,
  received,
  schemas,
  spend,
  deliverEvent,
  deliverRefundEvent,
  type Trial,
} from '../fixture.ts'
import type { NewRefund, Refund } from './types.ts'

const refund = async (trial: Trial, intentId: string, input: Partial<NewRefund> = {}): Promise<Refund> =>
  (await trial.payments.refunds.create({ intentId, merchantId: MERCHANT, ...input })).refund

const found = async (trial: Trial, id: string): Promise<Refund> =>
  (await trial.payments.refunds.find(trial.db, { id })) ?? assert.fail(`no refund ${id}`)

/** Creates a card payment of KES 1,500, paid by charge ch_1. */
async function paidByCard(trial: Trial, charge = 'ch_1', amount = 150_000n): Promise<string> {
  const { id, intentId } = await cardAttempt(trial, { amount: kes(amount) })
  await deliverEvent(trial, { attemptId: id }, received({ id: charge, gross: kes(amount) }))
  return intentId
}

void test('a partly refunded payment stays paid until all is refunded, and refunds never exceed the payment', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  const first = await refund(trial, intentId, { amount: kes(50_000n), note: 'broken cup' })
  assert.deepEqual(
    [first.status, first.amount, first.note, first.rail],
    ['succeeded', kes(50_000n), 'broken cup', 'cards'],
  )
  assert.equal(trial.page.refunds.sent[0]?.receiptId, 'ch_1')
  const after = await trial.find(intentId)
  assert.deepEqual([after.status, after.received, after.refunded], ['paid', kes(100_000n), kes(50_000n)])
  assert.equal(await trial.available(), 100_000n)
  assert.equal(await codeOf(refund(trial, intentId, { amount: kes(100_001n) })), 'payments.refund-too-large')
  const rest = await refund(trial, intentId)
  assert.deepEqual(rest.amount, kes(100_000n))
  const gone = await trial.find(intentId)
  assert.deepEqual([gone.status, gone.received, gone.refunded], ['reversed', kes(0n), kes(150_000n)])
  assert.equal(await codeOf(refund(trial, intentId)), 'payments.nothing-to-refund')
  assert.equal(await trial.available(), 0n)
  await trial.booksHold()
})

void test('fifty concurrent refunds never exceed the payment', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  await paidByCard(trial, 'ch_other', 10_000_000n)
  const tries = Array.from({ length: 50 }, () => refund(trial, intentId, { amount: kes(10_000n) }))
  const settled = await Promise.allSettled(tries)
  const made = settled.filter(({ status }) => status === 'fulfilled')
  assert.equal(made.length, 15)
  for (const each of settled) {
    if (each.status === 'rejected') assert.match((each.reason as AppError).code, /refund-too-large|nothing-to-refund/)
  }
  assert.equal(trial.page.refunds.sent.length, 15)
  assert.equal((await trial.find(intentId)).refunded.amount, 150_000n)
  assert.equal(await trial.available(), 10_000_000n)
  await trial.booksHold()
})

void test('one idempotency key creates one refund, also concurrently; another request with the key is refused', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  const idempotency = { key: 'k1', hash: 'h1' }
  const all = await Promise.all(
    Array.from({ length: 10 }, () => refund(trial, intentId, { amount: kes(20_000n), idempotency })),
  )
  assert.equal(new Set(all.map(({ id }) => id)).size, 1)
  assert.equal(trial.page.refunds.sent.length, 1)
  const other = refund(trial, intentId, { amount: kes(30_000n), idempotency: { key: 'k1', hash: 'h2' } })
  assert.equal(await codeOf(other), 'idempotency-key-reused')
  const elsewhere = await paidByCard(trial, 'ch_2')
  assert.equal(
    await codeOf(refund(trial, elsewhere, { idempotency: { key: 'k1', hash: 'h3' } })),
    'idempotency-key-reused',
  )
  assert.equal((await trial.find(intentId)).refunded.amount, 20_000n)
  await trial.booksHold()
})

void test('a refund beyond the balance is refused, or becomes debt if the operator allows it', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  await spend(trial, 100_000n)
  await assert.rejects(refund(trial, intentId), /needs KES 1500.00 and the balance has KES 500.00/)
  assert.equal(trial.page.refunds.sent.length, 0)
  assert.deepEqual((await trial.payments.refunds.list(trial.db, { merchantId: MERCHANT, limit: 10 })).items, [])
  await trial.booksHold()

  await using lenient = await openTrial({ ...database, refunds: { beyondBalance: 'debt', claimDays: 30 } })
  const { status } = await refund(lenient, intentId)
  assert.equal(status, 'succeeded')
  assert.deepEqual([await lenient.available(), await lenient.debt()], [0n, -100_000n])
  await lenient.booksHold()
})

void test('a pending refund is held; a failed one is released, and repays a debt created meanwhile', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  trial.page.refunds.onSend = ({ sendingId }) => ({ kind: 'pending', reference: `prov_${sendingId}` })
  const one = await refund(trial, intentId, { amount: kes(100_000n) })
  assert.equal(one.status, 'pending')
  const { held, available } = await trial.ledger.balance(trial.db, `merchant:${MERCHANT}:available`, KES)
  assert.deepEqual([held, available], [100_000n, 50_000n])
  assert.equal(await codeOf(refund(trial, intentId, { amount: kes(50_001n) })), 'payments.refund-too-large')
  assert.equal((await trial.find(intentId)).refunded.amount, 0n)
  await trial.booksHold()
  // A dispute debits the available balance, not the money on hold.
  const reversal = { receiptId: 'ch_1', amount: kes(70_000n), reason: 'chargeback', reversalId: 'dp_1' }
  await deliverEvent(trial, { receiptId: 'ch_1' }, { kind: 'reversed', ...reversal })
  assert.equal(await trial.debt(), -20_000n)
  trial.page.refunds.onCheck = () => ({ kind: 'failed', reason: 'provider-rejected', why: 'too late' })
  await trial.pass(5000)
  const failed = await found(trial, one.id)
  assert.deepEqual([failed.status, failed.reason], ['failed', 'provider-rejected'])
  assert.deepEqual([await trial.available(), await trial.debt()], [80_000n, 0n])
  await trial.booksHold()
})

void test('an unknown refund is polled and never sent again', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  trial.page.refunds.onSend = () => ({ kind: 'unknown', why: 'no answer' })
  const one = await refund(trial, intentId)
  assert.equal(one.status, 'pending')
  for (let i = 0; i < 5; i++) await trial.pass(60_000)
  assert.ok(trial.page.refunds.checked.length >= 4)
  assert.equal(trial.page.refunds.checked[0]?.reference, undefined)
  trial.page.refunds.onCheck = () => ({ kind: 'succeeded', reference: 'prov_1' })
  await trial.pass(60_000)
  assert.equal((await found(trial, one.id)).status, 'succeeded')
  assert.equal(trial.page.refunds.sent.length, 1)
  await trial.booksHold()
})

void test('after a kill before the call a refund is sent; after a kill during the call it is polled', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  trial.page.refunds.onSend = () => ({ kind: 'pending', reference: 'prov_1' })
  const one = await refund(trial, intentId)
  const revive = (state: string): Promise<void> =>
    tamper(
      database,
      sql`update payments.refunds set state = ${state}, reference = null, due_at = ${trial.clock.now()} where id = ${one.id}`,
    )
  await revive('created')
  await trial.pass()
  assert.equal(trial.page.refunds.sent.length, 2, 'the process died before it sent')
  await revive('submitting')
  trial.page.refunds.onCheck = () => ({ kind: 'succeeded', reference: 'prov_1' })
  await trial.pass()
  assert.equal(trial.page.refunds.sent.length, 2, 'it may have been sent')
  assert.equal((await found(trial, one.id)).status, 'succeeded')
  await trial.booksHold()
})

const atProvider = (reference: string, amount: bigint, more: Partial<ProviderRefund> = {}): ProviderRefund => ({
  reference,
  refundId: undefined,
  receiptId: 'ch_1',
  amount: kes(amount),
  outcome: { kind: 'succeeded', reference },
  ...more,
})

void test('provider events match the refund that Purser sent, before and after the answer to its sending', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  let early: Promise<void> | undefined
  trial.page.refunds.onSend = ({ refundId }) => {
    early = deliverRefundEvent(trial, { kind: 'observed', refund: atProvider('prov_1', 40_000n, { refundId }) })
    return early.then(() => ({ kind: 'succeeded', reference: 'prov_1' }))
  }
  const one = await refund(trial, intentId, { amount: kes(40_000n) })
  await early
  for (const refundId of [one.id, undefined])
    await deliverRefundEvent(trial, { kind: 'observed', refund: atProvider('prov_1', 40_000n, { refundId }) })
  assert.equal((await trial.find(intentId)).refunded.amount, 40_000n)
  assert.equal(await trial.available(), 110_000n)
  await deliverRefundEvent(trial, { kind: 'observed', refund: atProvider('prov_1', 90_000n, { refundId: one.id }) })
  assert.ok(trial.log.entries.some(({ securityEvent }) => securityEvent === 'refund-amount-mismatch'))
  await trial.booksHold()
})

void test('a refund created at the provider is listed and counted once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  const theirs = { kind: 'observed', refund: atProvider('prov_x', 60_000n) } as const
  await deliverRefundEvent(trial, theirs)
  await deliverRefundEvent(trial, theirs, theirs)
  await deliverRefundEvent(trial, {
    kind: 'observed',
    refund: atProvider('prov_y', 10n, { outcome: { kind: 'pending', reference: 'prov_y' } }),
  })
  await refund(trial, intentId, { amount: kes(30_000n) })
  const { items } = await trial.payments.refunds.list(trial.db, { merchantId: MERCHANT, intentId, limit: 10 })
  assert.deepEqual(
    items.map(({ origin, amount, status }) => [origin, amount.amount, status]),
    [
      ['merchant', 30_000n, 'succeeded'],
      ['provider', 60_000n, 'succeeded'],
    ],
  )
  const intent = await trial.find(intentId)
  assert.deepEqual([intent.status, intent.refunded.amount, intent.received.amount], ['paid', 90_000n, 60_000n])
  assert.equal(await codeOf(refund(trial, intentId, { amount: kes(60_001n) })), 'payments.refund-too-large')
  await trial.booksHold()
})

void test('a refund that is returned days later credits the merchant, and an old success does not undo that', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  const one = await refund(trial, intentId)
  const reference = `prov_${one.id}-1`
  const say = (outcome: ProviderRefund['outcome']): Promise<void> =>
    deliverRefundEvent(trial, {
      kind: 'observed',
      refund: atProvider(reference, 150_000n, { refundId: one.id, outcome }),
    })
  const failed = { kind: 'failed', reason: 'expired', reference } as const
  await say(failed)
  await say(failed)
  trial.page.refunds.onCheck = () => failed
  await say({ kind: 'succeeded', reference })
  const refunded = await found(trial, one.id)
  assert.deepEqual([refunded.status, refunded.reason], ['failed', 'expired'])
  const intent = await trial.find(intentId)
  assert.deepEqual([intent.status, intent.received.amount, intent.refunded.amount], ['paid', 150_000n, 0n])
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
  const again = await refund(trial, intentId)
  assert.deepEqual([again.status, again.way], ['claimable', 'claim'], 'the card rail does not refund it')
})

void test('parts from one phone are refunded together, other parts separately, or by a link', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  for (const [id, gross] of [
    ['m1', 100_000n],
    ['m2', 50_000n],
  ] as const) {
    const body = trial.push.says({
      about: { attemptId: attempt.id },
      outcome: received({ id, gross: kes(gross) }),
      needsCheck: false,
    })
    await trial.callback(trial.push, body)
    await trial.pass()
  }
  assert.equal((await trial.find(intent.id)).status, 'paid')
  const all = await refund(trial, intent.id, { amount: kes(120_000n) })
  assert.deepEqual([all.status, all.rail, all.phone], ['succeeded', 'tap', '2547*****678'])
  assert.deepEqual([trial.push.refunds.sent.length, trial.push.refunds.sent[0]?.phone], [1, '254712345678'])
  await trial.booksHold()

  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(100_000n) }))
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_2', gross: kes(50_000n) }))
  await assert.rejects(refund(trial, intentId), /Refund at most KES 1000.00 at once/)
  const linked = await refund(trial, intentId, { way: 'claim' })
  assert.deepEqual([linked.status, linked.amount, linked.claim === undefined], ['claimable', kes(150_000n), false])
  await trial.booksHold()
})

void test('an unused link can be canceled, and expires', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intentId = await paidByCard(trial)
  const one = await refund(trial, intentId, { way: 'claim' })
  const [canceled, again] = await Promise.all(
    [1, 2].map(() => trial.payments.refunds.cancel({ id: one.id, merchantId: MERCHANT })),
  )
  assert.deepEqual([canceled?.status, again?.status, canceled?.claim], ['canceled', 'canceled', undefined])
  assert.equal(
    await codeOf(trial.payments.refunds.cancel({ id: one.id, merchantId: 'mer_2' })),
    'payments.no-such-refund',
  )
  const two = await refund(trial, intentId, { way: 'claim' })
  await trial.pass(30 * 86_400_000)
  assert.equal((await found(trial, two.id)).status, 'expired')
  assert.equal(
    await codeOf(trial.payments.refunds.cancel({ id: two.id, merchantId: MERCHANT })),
    'payments.refund-over',
  )
  assert.equal((await trial.ledger.balance(trial.db, `merchant:${MERCHANT}:available`, KES)).available, 150_000n)
  await trial.booksHold()
})

void test('pending settlement money is refunded first, without a fee', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms: { holdDays: 2, feeBps: 100, feeFixed: {} } })
  const intentId = await paidByCard(trial)
  assert.equal(await trial.available(), 0n)
  const one = await refund(trial, intentId, { amount: kes(50_000n) })
  assert.equal(one.status, 'succeeded')
  await trial.booksHold()
  await trial.pass(2 * 86_400_000)
  await trial.pass()
  assert.equal(await trial.available(), 99_000n, 'the fee is of what was left')
  await trial.booksHold()
})
