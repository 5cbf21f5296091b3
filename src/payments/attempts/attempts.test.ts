import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import { FetchError } from '#platform/web/fetch'
import { openTestDatabase, tamper } from '../../../test/database.ts'
import { waitFor } from '../../../test/wait.ts'
import { kes, MERCHANT, openTrial, received, referenceOf, schemas, type Trial } from '../fixture.ts'
import { beginSubmission, findAttempt } from '../store/attempts.ts'
import type { Attempt } from './types.ts'

const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected
const publicly = (trial: Trial, intentId: string, phone = '254712345678'): Promise<Attempt> =>
  trial.payments.startAttempt({ intentId, method: 'mpesa', payer: { phone }, returnUrl: 'https://pay.example/x' })
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

void test('a prompt is sent once, with the details that the rail needs, and polled until it ends', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  assert.equal(attempt.status, 'pending')
  assert.equal(attempt.phone, '2547*****678')
  const [request] = trial.push.started
  assert.equal(request?.attemptId, attempt.id)
  assert.deepEqual(request?.amount, kes(150_000n))
  assert.equal(request?.merchantName, 'Duka')
  assert.match(
    request?.callbackUrl ?? '',
    /^https:\/\/pay\.example\/api\/webhook\/tap-alias\/att_[a-z0-9]+\.[0-9a-f]{40}$/,
  )
  assert.equal((await trial.find(intent.id)).status, 'processing')

  await trial.pass(5000)
  assert.equal(trial.push.checked.length, 1)
  assert.deepEqual(trial.push.checked[0]?.request, request, 'queried with the request that started it')
  trial.push.onCheck = () => received({ id: referenceOf(attempt.id), gross: kes(150_000n) })
  await trial.pass(10_000)
  const paid = await trial.find(intent.id)
  assert.equal(paid.status, 'paid')
  assert.equal(paid.attempts[0]?.status, 'settled')
  assert.deepEqual(paid.receipts[0]?.gross, kes(150_000n))
  await trial.pass(3_600_000)
  assert.equal(trial.push.checked.length, 2, 'no further query')
  assert.equal(trial.push.started.length, 1)
  await trial.booksHold()
})

void test('of two concurrent prompts one starts', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => trial.start(intent.id)))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results) {
    if (result.status === 'rejected')
      assert.ok(code('payments.attempt-in-flight')(result.reason), String(result.reason))
  }
  assert.equal(trial.push.started.length, 1)
})

void test('the database refuses a second live prompt', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  await trial.start(intent.id)
  await assert.rejects(
    trial.db
      .run(sql`insert into payments.attempts (id, intent_id, rail, method, kind, state, asset, amount, payer, return_url, created_at)
      select 'att_x', intent_id, rail, method, kind, 'created', asset, amount, payer, return_url, created_at from payments.attempts`),
    /attempts_one_push/,
  )
})

void test('concurrent card attempts, and one after a lost answer, share one page', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const gate = Promise.withResolvers<undefined>()
  trial.page.onStart = async ({ attemptId }) => {
    await gate.promise
    return { kind: 'pending', reference: referenceOf(attemptId), redirectUrl: `https://provider.example/${attemptId}` }
  }
  const first = byCard(trial, intent.id)
  await waitFor('the provider is asked', () => trial.page.started.length === 1)
  const second = await byCard(trial, intent.id)
  assert.deepEqual([second.status, second.redirectUrl], ['submitting', undefined], 'the page is being created')
  gate.resolve(undefined)
  assert.equal((await first).id, second.id)

  const other = await trial.create()
  trial.page.onStart = () => Promise.reject(new Error('cut'))
  const lost = await byCard(trial, other.id)
  assert.equal((await byCard(trial, other.id)).id, lost.id, 'the page may exist: a query finds it')
  assert.equal(trial.page.started.length, 2)
})

void test('a repeated request returns its own attempt, whatever was started and paid since', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const ask = (requestKey: string): Promise<Attempt> =>
    trial.payments.startAttempt({
      intentId: intent.id,
      merchantId: MERCHANT,
      method: 'mpesa',
      payer: { phone: '254712345678' },
      returnUrl: 'https://pay.example/x',
      requestKey,
    })
  trial.push.onStart = () => ({ kind: 'failed', reason: 'wrong-pin' })
  const first = await ask('k1')
  const second = await ask('k2')
  assert.notEqual(second.id, first.id)
  assert.equal((await ask('k1')).id, first.id)
  trial.push.onStart = ({ attemptId }) => received({ id: referenceOf(attemptId), gross: kes(150_000n) })
  const paid = await ask('k3')
  assert.equal(paid.status, 'settled')
  assert.deepEqual(
    [(await ask('k3')).id, (await ask('k2')).id],
    [paid.id, second.id],
    'although it has been paid since',
  )
  assert.equal(trial.push.started.length, 3)
})

void test('a wrong method, payer, amount or merchant is refused before anything is sent', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create({ methods: ['mpesa'], amount: kes(150_050n) })
  await assert.rejects(byCard(trial, intent.id), code('payments.method-not-allowed'))
  await assert.rejects(trial.start(intent.id), code('payments.amount-not-taken'))
  const [small, large] = [await trial.create({ amount: kes(99n) }), await trial.create({ amount: kes(15_000_001n) })]
  await assert.rejects(trial.start(small.id), code('payments.amount-not-taken'))
  await assert.rejects(trial.start(large.id), code('payments.amount-not-taken'))
  const good = await trial.create()
  await assert.rejects(trial.start(good.id, ''), code('payments.payer-incomplete'))
  await assert.rejects(trial.start(good.id, '+254 712'), code('payments.bad-phone'))
  trial.push.off = 'no keys'
  await assert.rejects(trial.start(good.id), code('payments.method-unavailable'))
  const foreign = {
    intentId: good.id,
    merchantId: 'mer_2',
    method: 'mpesa',
    payer: { phone: '254712345678' },
    returnUrl: '',
  }
  await assert.rejects(trial.payments.startAttempt(foreign), code('payments.not-found'))
  assert.equal(trial.push.started.length, 0)
})

void test('an error before sending fails the attempt; any other error makes it unknown and polled', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  trial.push.onStart = () => {
    throw new FetchError('fetch.unreachable', 'refused', false)
  }
  const refused = await trial.start(intent.id)
  assert.equal(refused.status, 'failed')
  assert.equal(refused.reason, 'provider-unavailable')
  assert.equal((await trial.find(intent.id)).status, 'open', 'another attempt can succeed')

  trial.push.onStart = () => {
    throw new FetchError('fetch.timeout', 'no answer', true)
  }
  const lost = await trial.start(intent.id)
  assert.equal(lost.status, 'unknown')
  await assert.rejects(trial.start(intent.id), code('payments.attempt-in-flight'), 'unknown blocks')

  const other = await trial.create()
  trial.push.onStart = () => {
    throw new TypeError('a bug in the rail')
  }
  assert.equal((await trial.start(other.id)).status, 'unknown')
})

void test('an attempt with a lost answer and no reference is abandoned after 3 minutes; late money is credited', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  trial.push.onStart = () => Promise.reject(new Error('cut'))
  const lost = await trial.start(intent.id)
  await trial.pass(60_000)
  await trial.pass(119_000)
  assert.equal(await stateOf(trial, lost.id), 'unknown')
  await trial.pass(1000)
  assert.equal(await stateOf(trial, lost.id), 'abandoned')
  assert.equal((await trial.find(intent.id)).status, 'open')

  trial.push.onStart = ({ attemptId }) => ({ kind: 'pending', reference: referenceOf(attemptId) })
  const again = await trial.start(intent.id)
  trial.push.onCheck = ({ reference }) =>
    reference ? received({ id: reference, gross: kes(150_000n) }) : { kind: 'unknown', why: 'nothing' }
  await trial.pass(5000)
  assert.equal((await trial.find(intent.id)).status, 'paid')

  const late = trial.push.says({
    about: { attemptId: lost.id },
    outcome: received({ id: 'ref_late', gross: kes(150_000n), number: 'LATE1' }, 'ref_late'),
    needsCheck: true,
  })
  assert.equal(await trial.callback(trial.push, late, 0), 200)
  await trial.pass()
  const both = await trial.find(intent.id)
  assert.deepEqual(both.flags, { partial: false, overpaid: true, late: false })
  assert.deepEqual(both.received, kes(300_000n))
  assert.deepEqual(
    both.attempts.map(({ id, status }) => [id, status]),
    [
      [lost.id, 'settled'],
      [again.id, 'settled'],
    ],
  )
  await trial.booksHold()
})

void test('after a crash before the call the queue sends a fresh attempt once, and no stale one', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  // The process dies between commit and claim: the attempt exists, and the rail was not called.
  const crashed = async (): Promise<string> => {
    const intent = await trial.create()
    const { id } = await trial.start(intent.id)
    await tamper(
      database,
      sql`update payments.attempts set state = 'created', reference = null, submitted_at = null,
      due_at = ${new Date(trial.clock.now().getTime() + 3000)} where id = ${id}`,
    )
    trial.push.started.length = 0
    return id
  }
  const fresh = await crashed()
  await trial.pass(3000)
  assert.deepEqual(
    trial.push.started.map(({ attemptId }) => attemptId),
    [fresh],
  )
  assert.equal(await stateOf(trial, fresh), 'pending')

  const stale = await crashed()
  await trial.pass(10 * 60_000)
  assert.equal(await stateOf(trial, stale), 'failed', 'no payer waits for a prompt after ten minutes')
  assert.ok(!trial.push.started.some(({ attemptId }) => attemptId === stale))

  const contested = await crashed()
  const row = (await findAttempt(trial.db, contested)) ?? assert.fail('no attempt')
  await trial.db.run(sql`update payments.attempts set claimed_by = 'one' where id = ${contested}`)
  assert.equal(await beginSubmission(trial.db, { ...row, claim: row.claim + 1n }, 'one', trial.clock.now()), undefined)
  assert.equal(await beginSubmission(trial.db, row, 'two', trial.clock.now()), undefined, 'only the holder')
  const claims = await Promise.all(
    Array.from({ length: 8 }, () => beginSubmission(trial.db, row, 'one', trial.clock.now())),
  )
  assert.equal(claims.filter(Boolean).length, 1)
})

void test('after a crash during the call the attempt is queried, never sent again', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const { id } = await trial.start(intent.id)
  await tamper(
    database,
    sql`update payments.attempts set state = 'submitting', reference = null,
    due_at = ${new Date(trial.clock.now().getTime() + 90_000)} where id = ${id}`,
  )
  await trial.pass(89_000)
  assert.equal(await stateOf(trial, id), 'submitting')
  await trial.pass(1000)
  assert.equal(await stateOf(trial, id), 'unknown')
  assert.equal(trial.push.started.length, 1)
  assert.ok(trial.push.checked.length > 0)
})

void test('a provider outage fails no attempt; a silent provider stops blocking the payer in the end', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const { id } = await trial.start(intent.id)
  trial.push.onCheck = () => Promise.reject(new FetchError('fetch.unreachable', 'down', false))
  for (let i = 0; i < 12; i++) await trial.pass(60_000)
  assert.equal(await stateOf(trial, id), 'pending')
  await trial.pass(61_000)
  assert.equal(await stateOf(trial, id), 'abandoned')
  trial.push.onCheck = () => received({ id: referenceOf(id), gross: kes(150_000n) })
  await trial.pass(3_600_000)
  assert.equal(await stateOf(trial, id), 'settled', 'an abandoned attempt is still polled')
  await trial.booksHold()
})

void test('a prompt and a page are abandoned after their lifetime, and late money is credited', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create({ expiresAt: new Date(trial.clock.now().getTime() + 86_400_000) })
  const prompt = await trial.start(intent.id)
  await trial.pass(170_000)
  assert.equal(await stateOf(trial, prompt.id), 'pending')
  await trial.pass(10_000)
  assert.equal(await stateOf(trial, prompt.id), 'abandoned')
  const page = await byCard(trial, intent.id)
  assert.equal(await stateOf(trial, page.id), 'pending')
  await trial.pass(3_600_000)
  assert.equal(await stateOf(trial, page.id), 'abandoned')
  trial.page.onCheck = () => received({ id: 'ch_1', gross: kes(150_000n) })
  await trial.pass(3_600_000)
  assert.equal((await trial.find(intent.id)).status, 'paid')
  await trial.booksHold()
})

void test('a declined card keeps its page open and shows the reason', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const { id } = await byCard(trial, intent.id)
  const body = trial.page.says({
    about: { attemptId: id },
    outcome: { kind: 'pending', declined: 'insufficient-funds' },
    needsCheck: true,
  })
  assert.equal(await trial.callback(trial.page, body), 200)
  await trial.pass()
  const shown = await trial.find(intent.id)
  assert.equal(shown.attempts[0]?.declined, 'insufficient-funds')
  assert.equal(shown.attempts[0]?.status, 'pending')
})

void test('a payment fails only when no attempt is left', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, limits: { perIntent: 3 } })
  const intent = await trial.create()
  trial.push.onStart = () => ({ kind: 'failed', reason: 'wrong-pin' })
  for (const status of ['open', 'open', 'failed']) {
    assert.equal((await trial.start(intent.id)).status, 'failed')
    assert.equal((await trial.find(intent.id)).status, status)
  }
  await assert.rejects(trial.start(intent.id), code('payments.over'))
})

void test('public attempts allow 3 prompts per phone in 10 minutes over all merchants, also concurrently', async () => {
  await using database = await openTestDatabase(schemas)
  const exempt = '254700000001'
  await using trial = await openTrial({ ...database, limits: { exemptPhone: (phone) => phone === exempt } })
  trial.push.onStart = () => ({ kind: 'failed', reason: 'no-response' })
  const intents = await Promise.all(Array.from({ length: 8 }, (_, i) => trial.create({ merchantId: `mer_${i}` })))
  const results = await Promise.allSettled(intents.map(({ id }) => publicly(trial, id)))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3)
  const [first] = intents
  await assert.rejects(
    publicly(trial, first?.id ?? ''),
    (error) => error instanceof AppError && error.status === 429 && error.retryAfterSeconds === 600,
  )
  const [own] = [await trial.create()]
  await assert.doesNotReject(trial.start(own.id), 'a merchant’s own attempt is not public')
  await assert.doesNotReject(publicly(trial, own.id, '254712345679'))
  for (let i = 0; i < 5; i++) await assert.doesNotReject(publicly(trial, own.id, exempt))
  trial.clock.advance(600_001)
  await assert.doesNotReject(publicly(trial, first?.id ?? ''))
})

void test('public attempts stop after too many declines of one payment', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, limits: { promptsPerPhone: 100 } })
  trial.push.onStart = () => ({ kind: 'failed', reason: 'wrong-pin' })
  const intent = await trial.create()
  for (let i = 0; i < 5; i++) {
    await publicly(trial, intent.id)
    trial.clock.advance(1000)
  }
  await assert.rejects(publicly(trial, intent.id), code('payments.too-many-declines'))
  trial.clock.advance(600_000)
  await assert.doesNotReject(publicly(trial, intent.id))
})
