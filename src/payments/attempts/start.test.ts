import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kes, MERCHANT, openTrial, received, referenceOf, schemas, type Trial } from '../fixture.ts'
import { openTestDatabase } from '../../../test/database.ts'
import { AppError } from '#platform/base/errors'
import { FetchError } from '#platform/web/fetch'
import { findAttempt } from '../store/attempts.ts'
import type { Attempt } from './types.ts'

/** No second way to pay starts while the first can still succeed. */
const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected
const byCard = (trial: Trial, intentId: string): Promise<Attempt> =>
  trial.payments.startAttempt({
    intentId,
    merchantId: MERCHANT,
    method: 'card',
    payer: {},
    returnUrl: 'https://pay.example/x',
  })
const stateOf = async (trial: Trial, id: string): Promise<string | undefined> =>
  (await findAttempt(trial.db, id))?.state

void test('an open page is returned again, and is closed before a prompt is sent', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const first = await byCard(trial, intent.id)
  assert.match(first.redirectUrl ?? '', /^https:\/\/provider\.example\//)
  assert.equal((await trial.find(intent.id)).status, 'open')
  assert.equal((await byCard(trial, intent.id)).id, first.id)
  assert.equal(trial.page.started.length, 1)
  const prompt = await trial.start(intent.id)
  assert.equal(prompt.status, 'pending')
  assert.deepEqual(
    trial.page.closed.map(({ attemptId }) => attemptId),
    [first.id],
  )
  assert.equal(await stateOf(trial, first.id), 'failed')
})

void test('while a prompt can be approved no other attempt starts, and the error says until when', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create({ methods: ['mpesa', 'card', 'transfer'] })
  const prompt = await trial.start(intent.id)
  assert.equal(prompt.endsAt?.getTime(), trial.clock.now().getTime() + 180_000)
  trial.clock.advance(60_000)
  const refused = (error: unknown): boolean =>
    code('payments.attempt-in-flight')(error) &&
    error instanceof AppError &&
    error.retryAfterSeconds === 120 &&
    /2547\*\*\*\*\*678/.test(error.message)
  await assert.rejects(byCard(trial, intent.id), refused)
  await assert.rejects(trial.start(intent.id, '254799999999'), refused)
  const transfer = { intentId: intent.id, method: 'transfer', payer: {}, returnUrl: 'https://pay.example/x' }
  await assert.rejects(trial.payments.startAttempt(transfer), refused)
  assert.equal(trial.page.started.length, 0)
  await trial.pass(120_000)
  assert.equal(await stateOf(trial, prompt.id), 'abandoned')
  assert.equal((await byCard(trial, intent.id)).status, 'pending')
})

void test('a page that stays open, was paid, or whose provider is silent blocks another method', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const { id } = await byCard(trial, intent.id)
  const { collect } = trial.page.rail
  assert.ok(collect?.close)
  Object.assign(collect, { close: () => Promise.reject(new FetchError('fetch.timeout', 'no answer', true)) })
  await assert.rejects(trial.start(intent.id), code('payments.page-open'))
  trial.page.onCheck = () => Promise.reject(new FetchError('fetch.unreachable', 'down', false))
  await assert.rejects(trial.start(intent.id), code('payments.page-open'))
  trial.page.onCheck = () => received({ id: 'ch_1', gross: kes(150_000n) }, referenceOf(id))
  await assert.rejects(trial.start(intent.id), code('payments.already-paid'))
  assert.equal(trial.push.started.length, 0)
  assert.equal((await trial.find(intent.id)).status, 'paid')
  await trial.booksHold()
})

void test('of a concurrent prompt and card page one starts', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  for (let i = 0; i < 5; i++) {
    const intent = await trial.create()
    await Promise.allSettled([trial.start(intent.id), byCard(trial, intent.id)])
    const live = (await trial.find(intent.id)).attempts.filter(({ status }) => status === 'pending')
    assert.equal(live.length, 1)
  }
})

void test('a manual transfer extends the payment once, and for itself only', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, expiresAt } = await trial.create({ methods: ['mpesa', 'transfer'] })
  const ask = (method: string, payer = {}) =>
    trial.payments.startAttempt({ intentId: id, merchantId: MERCHANT, method, payer, returnUrl: 'https://x.example' })
  await ask('transfer')
  const end = (await trial.find(id)).expiresAt
  assert.ok(end > expiresAt)
  trial.clock.set(expiresAt)
  await assert.rejects(ask('mpesa', { phone: '254712345678' }), { code: 'payments.over' })
  assert.deepEqual((await trial.find(id)).onlyTransferFrom, expiresAt)
  await ask('transfer', { email: 'payer@example.com' })
  assert.deepEqual((await trial.find(id)).expiresAt, end)
})
