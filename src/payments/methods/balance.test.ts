import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '#platform/base/errors'
import { openTestDatabase } from '../../../test/database.ts'
import type { Attempt } from '../attempts/types.ts'
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
  type Trial,
} from '../fixture.ts'
import type { Intent } from '../intents/types.ts'
import type { SettlementTerms } from '../settlements/types.ts'

const customer = { id: 'cus-1' }
const OF = { merchantId: MERCHANT, customerId: 'cus-1' }

const balanceOf = async (trial: Trial, customerId = 'cus-1'): Promise<bigint> => {
  const [row] = await trial.payments.customers.balance(trial.db, { ...OF, customerId })
  return row?.available.amount ?? 0n
}

/** Creates a customer with a prepaid balance of KES 1,000, paid by card. */
async function toppedUp(trial: Trial, charge = 'ch_top', amount = 100_000n): Promise<string> {
  const { id, intentId } = await cardAttempt(trial, { amount: kes(amount), customer, topUp: true })
  await deliverEvent(trial, { attemptId: id }, received({ id: charge, gross: kes(amount) }))
  return intentId
}

const owed = (trial: Trial, amount: bigint): Promise<Intent> =>
  trial.create({ amount: kes(amount), customer, methods: ['balance', 'mpesa'] })

const pay = (trial: Trial, intentId: string): Promise<Attempt> =>
  trial.payments.startAttempt({
    intentId,
    merchantId: MERCHANT,
    method: 'balance',
    payer: {},
    returnUrl: 'https://x.example',
  })

void test('a top-up credits the customer, a payment debits the balance, and a refund restores it', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  await toppedUp(trial)
  assert.deepEqual([await balanceOf(trial), await trial.available()], [100_000n, 0n])

  const intent = await owed(trial, 60_000n)
  const attempt = await pay(trial, intent.id)
  assert.deepEqual([attempt.status, attempt.method], ['settled', 'balance'])
  const paid = await trial.find(intent.id)
  assert.deepEqual([paid.status, paid.received], ['paid', kes(60_000n)])
  assert.deepEqual([await balanceOf(trial), await trial.available()], [40_000n, 60_000n])

  const { refund } = await trial.payments.refunds.create({
    intentId: intent.id,
    merchantId: MERCHANT,
    amount: kes(20_000n),
  })
  assert.deepEqual([refund.status, refund.rail], ['succeeded', 'balance'])
  assert.deepEqual([await balanceOf(trial), await trial.available()], [60_000n, 40_000n])
  await trial.booksHold()
})

void test('a payment beyond the balance is refused before anything is stored, and two concurrent payments never spend it twice', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const none = await owed(trial, 100n)
  assert.equal(await codeOf(pay(trial, none.id)), 'payments.balance-too-low')
  assert.deepEqual((await trial.find(none.id)).attempts, [])

  await toppedUp(trial)
  const intents = await Promise.all(Array.from({ length: 20 }, () => owed(trial, 30_000n)))
  const tries = await Promise.allSettled(intents.map(({ id }) => pay(trial, id)))
  const settled = tries.filter((each) => each.status === 'fulfilled' && each.value.status === 'settled')
  assert.equal(settled.length, 3)
  for (const each of tries) {
    if (each.status === 'fulfilled') assert.ok(['settled', 'failed'].includes(each.value.status), each.value.status)
    else assert.equal((each.reason as AppError).code, 'payments.balance-too-low')
  }
  assert.deepEqual([await balanceOf(trial), await trial.available()], [10_000n, 90_000n])
  await trial.booksHold()
})

void test('only the merchant can pay from a balance, for the payment’s customer, and not for a top-up', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  await toppedUp(trial)
  const intent = await owed(trial, 100n)
  const stranger = { intentId: intent.id, method: 'balance', payer: {}, returnUrl: 'https://x.example' }
  assert.equal(await codeOf(trial.payments.startAttempt(stranger)), 'payments.method-not-allowed')
  const nameless = await trial.create({ methods: ['balance'] })
  assert.equal(await codeOf(pay(trial, nameless.id)), 'payments.no-customer')
  const filling = await trial.create({ methods: ['balance'], customer, topUp: true })
  assert.equal(await codeOf(pay(trial, filling.id)), 'payments.method-not-allowed')
  const another = await trial.create({ methods: ['balance'], customer: { id: 'cus-2' } })
  assert.equal(await codeOf(pay(trial, another.id)), 'payments.balance-too-low')
  assert.ok(trial.payments.methods(KES).every(({ method }) => method !== 'balance'))
})

void test('a process that dies before the posting debits nothing, and the customer can pay again', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  await toppedUp(trial)
  const intent = await owed(trial, 60_000n)
  const breaks = 'the connection is gone'
  const post = trial.ledger.post.bind(trial.ledger)
  Object.assign(trial.ledger, { post: () => Promise.reject(new Error(breaks)) })
  await assert.rejects(pay(trial, intent.id), { message: breaks })
  Object.assign(trial.ledger, { post })
  await trial.pass(91_000)
  const [attempt] = (await trial.find(intent.id)).attempts
  assert.equal(attempt?.status, 'failed')
  assert.equal(await balanceOf(trial), 100_000n)
  assert.equal((await pay(trial, intent.id)).status, 'settled')
  await trial.booksHold()
})

void test('a chargeback of a spent top-up debits the merchant, who received the money; the rest is the merchant’s debt, never a customer’s', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  await toppedUp(trial)
  await pay(trial, (await owed(trial, 70_000n)).id)
  await spend(trial, 50_000n)
  await deliverEvent(
    trial,
    { receiptId: 'ch_top' },
    { kind: 'reversed', receiptId: 'ch_top', amount: kes(100_000n), reason: 'dispute', reversalId: 'dp_1' },
  )
  assert.deepEqual([await balanceOf(trial), await trial.available(), await trial.debt()], [0n, 0n, -50_000n])
  await toppedUp(trial, 'ch_again', 80_000n)
  assert.deepEqual([await balanceOf(trial), await trial.debt()], [80_000n, -50_000n])
  await pay(trial, (await owed(trial, 80_000n)).id)
  assert.deepEqual([await trial.available(), await trial.debt()], [30_000n, 0n], 'what is sold repays it')
  await trial.booksHold()
})

void test('concurrent attempts on one payment debit the balance once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  await toppedUp(trial)
  const { id } = await owed(trial, 20_000n)
  const codes = await Promise.all(Array.from({ length: 8 }, () => codeOf(pay(trial, id))))
  assert.ok(codes.every((code) => ['no error', 'payments.attempt-in-flight', 'payments.already-paid'].includes(code)))
  const after = await trial.find(id)
  assert.deepEqual([after.received, after.flags.overpaid], [kes(20_000n), false])
  assert.equal(after.attempts.filter(({ status }) => status === 'settled').length, 1)
  assert.equal(await balanceOf(trial), 80_000n)
})

void test('money from a balance is refunded only to the balance, and allowed debt never applies to customers', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, refunds: { beyondBalance: 'debt', claimDays: 30 } })
  const top = await toppedUp(trial)
  const { id: intentId } = await owed(trial, 60_000n)
  await pay(trial, intentId)
  const refunds = (more: object) => trial.payments.refunds.create({ merchantId: MERCHANT, intentId, ...more })
  assert.equal(await codeOf(refunds({ way: 'claim' })), 'payments.refund-to-balance')
  assert.equal(await codeOf(refunds({ intentId: top })), 'payments.insufficient-balance', 'it is spent')
  assert.equal((await refunds({})).refund.rail, 'balance')
  assert.equal((await refunds({ intentId: top })).refund.rail, 'cards')
  assert.deepEqual([await balanceOf(trial), await trial.available(), await trial.debt()], [0n, 0n, 0n])
  await trial.booksHold()
})

void test('the last attempt of a payment can be a balance or a transfer', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, limits: { perIntent: 1 } })
  await toppedUp(trial)
  const { id } = await owed(trial, 20_000n)
  assert.equal((await pay(trial, id)).status, 'settled')
  const sent = await trial.create({ methods: ['transfer'] })
  const asked = { intentId: sent.id, method: 'transfer', payer: {}, returnUrl: 'https://x.example' }
  assert.equal((await trial.payments.startAttempt(asked)).status, 'pending')
  assert.equal((await trial.find(sent.id)).status, 'open')
})

void test('a desk moves money between a merchant and its customer once per event', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id } = await cardAttempt(trial, { amount: kes(50_000n) })
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(50_000n) }))
  const { customers } = trial.payments
  const bonus = { ...OF, id: 'bonus 1', amount: kes(30_000n), ref: 'bonus' }
  assert.equal(await trial.db.transaction((tx) => customers.topUp(tx, bonus)), 'posted')
  assert.equal(await trial.db.transaction((tx) => customers.topUp(tx, bonus)), 'repeated')
  const sale = { ...OF, id: 'sale 1', amount: kes(12_000n), ref: 'tokens' }
  assert.equal(await trial.db.transaction((tx) => customers.spend(tx, sale)), 'posted')
  assert.deepEqual([await balanceOf(trial), await trial.available()], [18_000n, 32_000n])
  const more = trial.db.transaction((tx) => customers.spend(tx, { ...sale, id: 'sale 2', amount: kes(18_001n) }))
  assert.equal(await codeOf(more), 'ledger.insufficient-funds')
  assert.deepEqual(await trial.payments.customers.balance(trial.db, { ...OF, merchantId: 'mer_2' }), [])
  await trial.booksHold()
})

void test('payments from a balance have settlement hold and fees like others; top-ups have neither', async () => {
  await using database = await openTestDatabase(schemas)
  const terms: SettlementTerms = { holdDays: 7, feeBps: 200, feeFixed: {} }
  await using trial = await openTrial({ ...database, terms })
  await toppedUp(trial)
  assert.equal(await balanceOf(trial), 100_000n)
  await pay(trial, (await owed(trial, 50_000n)).id)
  assert.equal(await trial.available(), 0n)
  await trial.pass(8 * 24 * 3_600_000)
  assert.equal(await trial.available(), 49_000n)
  await trial.booksHold()
})
