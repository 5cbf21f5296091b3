import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { assetOf, money } from '#money'
import { sql } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import { defineJob } from '#platform/runtime/jobs'
import { openTestDatabase } from '../../../test/database.ts'
import { kes, MERCHANT, newIntent, openTrial, received, referenceOf, schemas } from '../fixture.ts'
import type { IntentChange } from './types.ts'

const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected

void test('an intent is stored as requested', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const input = {
    ...newIntent(trial.clock),
    reference: 'order-1',
    customer: { name: 'Asha', phone: '254712345678' },
    metadata: { b: '2', a: '1' },
    returnUrl: 'https://duka.example/thanks',
  }
  const { intent, replayed } = await trial.payments.create(trial.db, input)
  assert.equal(replayed, false)
  assert.equal(intent.status, 'open')
  assert.equal(intent.version, 1)
  assert.deepEqual(await trial.find(intent.id), intent, 'the stored intent equals the returned one')
  assert.equal(await trial.payments.find(trial.db, { id: intent.id, merchantId: 'mer_2' }), undefined)
  assert.equal(await trial.payments.find(trial.db, { id: 'pay_nonsense' }), undefined)
})

void test('200 concurrent creations with one key create one intent; another hash is refused', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const input = { ...newIntent(trial.clock), idempotency: { key: 'k1', hash: 'h1' } }
  const all = await Promise.all(Array.from({ length: 200 }, () => trial.payments.create(trial.db, input)))
  assert.equal(all.filter(({ replayed }) => !replayed).length, 1)
  assert.equal(new Set(all.map(({ intent }) => intent.id)).size, 1)
  const { n } = await trial.db.one<{ n: number }>(sql`select count(*)::int as n from payments.intents`)
  assert.equal(n, 1)

  await assert.rejects(
    trial.payments.create(trial.db, { ...input, idempotency: { key: 'k1', hash: 'h2' } }),
    code('idempotency-key-reused'),
  )
  const other = await trial.payments.create(trial.db, { ...input, merchantId: 'mer_2' })
  assert.equal(other.replayed, false, 'keys belong to a merchant')
})

void test('a repeat returns the intent as created, whatever happened since; keys are released after 30 days', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const input = { ...newIntent(trial.clock), idempotency: { key: 'k1', hash: 'h1' } }
  const { intent } = await trial.payments.create(trial.db, input)
  await trial.payments.cancel({ id: intent.id, merchantId: MERCHANT })
  const again = await trial.payments.create(trial.db, input)
  assert.deepEqual(again, { intent, replayed: true })

  await trial.pass(29 * 86_400_000)
  assert.equal((await trial.payments.create(trial.db, input)).replayed, true)
  await trial.pass(2 * 86_400_000)
  const fresh = await trial.payments.create(trial.db, input)
  assert.equal(fresh.replayed, false)
  assert.notEqual(fresh.intent.id, intent.id)
})

void test('lists are newest first and paged, and filter by merchant, status, reference and time', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const made: string[] = []
  for (let i = 0; i < 7; i++) {
    trial.clock.advance(1000)
    made.unshift((await trial.create({ reference: i % 2 ? 'odd' : 'even' })).id)
  }
  await trial.create({ merchantId: 'mer_2' })
  await trial.payments.cancel({ id: made[0] ?? '', merchantId: MERCHANT })

  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await trial.payments.list(trial.db, { merchantId: MERCHANT, limit: 3, cursor })
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.nextCursor
  } while (cursor)
  assert.deepEqual(seen, made)

  const ids = async (query: object): Promise<string[]> =>
    (await trial.payments.list(trial.db, { merchantId: MERCHANT, limit: 100, ...query })).items.map(({ id }) => id)
  assert.deepEqual(await ids({ status: 'canceled' }), [made[0]])
  assert.deepEqual(await ids({ reference: 'odd' }), [made[1], made[3], made[5]])
  const newest = await trial.find(made[0] ?? '')
  const fourth = await trial.find(made[3] ?? '')
  assert.deepEqual(await ids({ createdFrom: fourth.createdAt, createdTo: newest.createdAt }), [
    made[1],
    made[2],
    made[3],
  ])
  await assert.rejects(ids({ cursor: 'bm9uc2Vuc2U' }), code('payments.bad-cursor'))
})

void test('cancellation is repeatable, and refused while a prompt is live and after payment', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const first = await trial.create()
  const canceled = await trial.payments.cancel({ id: first.id, merchantId: MERCHANT })
  assert.equal(canceled.status, 'canceled')
  assert.equal(canceled.version, 2)
  assert.deepEqual(await trial.payments.cancel({ id: first.id, merchantId: MERCHANT }), canceled)
  await assert.rejects(trial.payments.cancel({ id: first.id, merchantId: 'mer_2' }), code('payments.not-found'))
  await assert.rejects(trial.start(first.id), code('payments.over'))

  const second = await trial.create()
  const attempt = await trial.start(second.id)
  await assert.rejects(
    trial.payments.cancel({ id: second.id, merchantId: MERCHANT }),
    code('payments.attempt-in-flight'),
  )
  trial.push.onCheck = () => received({ id: referenceOf(attempt.id), gross: kes(150_000n) })
  await trial.pass(5000)
  await assert.rejects(trial.payments.cancel({ id: second.id, merchantId: MERCHANT }), code('payments.already-paid'))
  await assert.rejects(trial.start(second.id), code('payments.already-paid'))
})

void test('an intent expires unless an attempt is under way; partial money stays', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const expiresAt = new Date(trial.clock.now().getTime() + 60_000)
  const [quiet, prompted, paged] = [
    await trial.create({ expiresAt }),
    await trial.create({ expiresAt }),
    await trial.create({ expiresAt }),
  ]
  await trial.pass(58_000)
  await trial.start(prompted.id)
  await trial.payments.startAttempt({
    intentId: paged.id,
    merchantId: MERCHANT,
    method: 'card',
    payer: {},
    returnUrl: '',
  })
  await trial.pass(2000)
  const status = async (): Promise<string[]> =>
    Promise.all([quiet, prompted, paged].map(async ({ id }) => (await trial.find(id)).status))
  assert.deepEqual(await status(), ['expired', 'processing', 'open'])
  await assert.rejects(trial.start(quiet.id), code('payments.over'))

  trial.push.onCheck = () => ({ kind: 'failed', reason: 'no-response' })
  await trial.pass(60_000)
  assert.deepEqual(await status(), ['expired', 'expired', 'open'], 'the prompt ended without money')
  await trial.pass(10 * 60_000)
  assert.deepEqual(await status(), ['expired', 'expired', 'expired'], 'a page keeps it open for ten minutes only')
})

void test('no attempt starts after the expiry, even before the expiry job runs', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create({ expiresAt: new Date(trial.clock.now().getTime() + 1000) })
  trial.clock.advance(1000)
  await assert.rejects(trial.start(intent.id), code('payments.over'))
})

void test('the owner is notified of changes in the same transaction, and of the creation on request', async () => {
  await using database = await openTestDatabase(schemas)
  const heard: IntentChange[] = []
  const subscriber = defineJob<IntentChange>({
    name: 'gateway.payment-changed',
    schema: z.custom<IntentChange>(),
    run: async (change) => void heard.push(change),
  })
  await using trial = await openTrial({ ...database, subscriber })
  const intent = await trial.create({ announce: true })
  await trial.create({ owner: 'billing', announce: true })
  const attempt = await trial.start(intent.id)
  trial.push.onCheck = () => ({ kind: 'failed', reason: 'canceled-by-payer' })
  await trial.pass(5000)
  await trial.start(intent.id)
  trial.push.onCheck = (ref) => received({ id: ref.reference ?? '', gross: kes(100_000n) })
  await trial.pass(5000)
  await trial.start(intent.id)
  trial.push.onCheck = (ref) => received({ id: ref.reference ?? '', gross: kes(50_000n) })
  await trial.pass(5000)
  assert.equal(attempt.intentId, intent.id)
  const notified = heard
    .toSorted((a, b) => a.version - b.version)
    .map(({ type, partial, overpaid }) =>
      [type, partial && 'partial', overpaid && 'overpaid'].filter(Boolean).join(' '),
    )
  const first = ['created', 'processing', 'attempt-failed', 'processing']
  assert.deepEqual(
    notified,
    [...first, 'open partial', 'processing partial', 'paid'],
    'each notification has the state of its change',
  )
  assert.ok(heard.every(({ intentId }) => intentId === intent.id))
  await trial.booksHold()
})

void test('balances are listed by currency, with debt', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  assert.deepEqual(await trial.payments.balance(trial.db, MERCHANT), [])
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  trial.push.onCheck = () => received({ id: referenceOf(attempt.id), gross: kes(150_000n) })
  await trial.pass(5000)
  assert.deepEqual(await trial.payments.balance(trial.db, MERCHANT), [
    { currency: 'KES', available: kes(150_000n), pending: kes(0n), debt: kes(0n) },
  ])
  assert.deepEqual(trial.payments.methods(money(assetOf('EUR'), 1n).asset), [])
  assert.deepEqual(
    trial.payments.methods(kes(1n).asset).map(({ method, kind }) => [method, kind]),
    [
      ['mpesa', 'push'],
      ['card', 'page'],
      ['transfer', 'transfer'],
    ],
  )
})
