import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import type { Fact } from '#rails/contract'
import { openTestDatabase } from '../../test/database.ts'
import { kes, openTrial, received, referenceOf, schemas, type Trial } from './fixture.ts'

const events = (trial: Trial): Promise<{ state: string; note: string | null; tries: number }[]> =>
  trial.db.many(sql`select state, note, tries from inbox.events order by received_at, event_key limit 100`)
const securityEvents = (trial: Trial): string[] =>
  trial.log.entries.flatMap(({ securityEvent }) => (typeof securityEvent === 'string' ? [securityEvent] : []))
/** Fact of an unsigned callback about a success. */
const success = (attemptId: string, gross = 150_000n, more: Partial<Fact> = {}): Fact => ({
  about: { attemptId },
  outcome: received(
    { id: referenceOf(attemptId), gross: kes(gross), number: `N${attemptId.slice(-6)}` },
    referenceOf(attemptId),
  ),
  needsCheck: true,
  ...more,
})
/** Outcome of a query about it: no amount, no number. */
const confirms = (trial: Trial): void => {
  trial.push.onCheck = ({ reference, amount }) =>
    reference
      ? received({ id: reference, gross: amount, stated: false }, reference)
      : { kind: 'unknown', why: 'nothing to ask by' }
}

void test('a callback is stored, acknowledged in the provider’s format, and handled afterwards', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  confirms(trial)
  const url = new URL(trial.push.started[0]?.callbackUrl ?? '').pathname
  const answer = await trial.app.inject({ method: 'POST', url, payload: trial.push.says(success(attempt.id)) })
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), { ResultCode: 0, ResultDesc: 'Accepted' })
  assert.equal((await trial.find(intent.id)).status, 'processing', 'handling starts after the answer')
  await trial.pass()
  const paid = await trial.find(intent.id)
  assert.equal(paid.status, 'paid')
  assert.equal(paid.receipts[0]?.number, `N${attempt.id.slice(-6)}`)
  assert.equal(trial.push.checked.length, 1, 'confirmed by a query')
  assert.deepEqual(
    (await events(trial)).map(({ state }) => state),
    ['done'],
  )
  await trial.booksHold()
})

void test('three concurrent callbacks and a poll create one receipt', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  confirms(trial)
  const same = trial.push.says(success(attempt.id))
  const other = trial.push.says(success(attempt.id))
  const codes = await Promise.all([same, same, other].map((body) => trial.callback(trial.push, body)))
  assert.deepEqual(codes, [200, 200, 200])
  assert.equal((await events(trial)).length, 2, 'the same body is one event')
  trial.clock.advance(5000)
  await trial.rush()
  const paid = await trial.find(intent.id)
  assert.equal(paid.receipts.length, 1)
  assert.deepEqual(paid.received, kes(150_000n))
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

void test('a callback after a query adds the number to the same receipt and raises the version', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  confirms(trial)
  await trial.pass(5000)
  const before = await trial.find(intent.id)
  assert.equal(before.status, 'paid')
  assert.equal(before.receipts[0]?.number, undefined)
  await trial.callback(trial.push, trial.push.says(success(attempt.id)))
  await trial.pass()
  const after = await trial.find(intent.id)
  assert.equal(after.receipts.length, 1)
  assert.equal(after.receipts[0]?.number, `N${attempt.id.slice(-6)}`)
  assert.equal(after.version, before.version + 1)
  assert.equal(trial.push.checked.length, 1, 'the provider confirmed this money before')
})

void test('an underpayment counts at the stated amount, whether stated first or after a query without an amount', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  confirms(trial)
  for (const pollFirst of [false, true]) {
    const before = await trial.available()
    const intent = await trial.create()
    const attempt = await trial.start(intent.id)
    if (pollFirst) await trial.pass(5000)
    await trial.callback(trial.push, trial.push.says(success(attempt.id, 149_900n)))
    await trial.pass()
    const short = await trial.find(intent.id)
    assert.deepEqual(short.received, kes(149_900n))
    assert.equal(short.status, 'open')
    assert.deepEqual(short.flags, { partial: true, overpaid: false, late: false })
    assert.equal((await trial.available()) - before, 149_900n)
    await trial.booksHold()

    const rest = await trial.start(intent.id)
    assert.deepEqual(rest.amount, kes(100n), 'the payer pays the rest')
    await trial.pass(5000)
    assert.equal((await trial.find(intent.id)).status, 'paid')
    await trial.booksHold()
  }
})

void test('a callback before the submission’s answer is matched by its token, and its reference is stored', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  confirms(trial)
  const intent = await trial.create()
  const codes: number[] = []
  trial.push.onStart = async ({ attemptId }) => {
    codes.push(await trial.callback(trial.push, trial.push.says(success(attemptId))))
    await trial.pass()
    return { kind: 'pending', reference: referenceOf(attemptId) }
  }
  const attempt = await trial.start(intent.id)
  assert.deepEqual(codes, [200])
  assert.equal(attempt.status, 'settled', 'the later answer changes nothing')
  assert.equal((await trial.find(intent.id)).status, 'paid')
  await trial.booksHold()
})

void test('a callback settles an attempt whose answer was lost', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  confirms(trial)
  const intent = await trial.create()
  trial.push.onStart = () => Promise.reject(new Error('cut'))
  const attempt = await trial.start(intent.id)
  assert.equal(attempt.status, 'unknown')
  await trial.callback(trial.push, trial.push.says(success(attempt.id)))
  await trial.pass(1000)
  assert.equal((await trial.find(intent.id)).status, 'paid')
  await trial.booksHold()
})

void test('a callback waits while its query has no answer, and polling continues', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  trial.push.onCheck = () => ({ kind: 'unknown', why: '500.001.1001' })
  await trial.callback(trial.push, trial.push.says(success(attempt.id)))
  await trial.pass()
  await trial.pass(3000)
  assert.equal((await trial.find(intent.id)).status, 'processing', 'the event alone credits nothing')
  const [waiting] = await events(trial)
  assert.equal(waiting?.state, 'new')
  assert.ok((waiting?.tries ?? 0) > 1)
  confirms(trial)
  await trial.pass(30_000)
  assert.equal((await trial.find(intent.id)).status, 'paid')
  assert.deepEqual(
    (await events(trial)).map(({ state }) => state),
    ['done'],
  )
})

void test('forged, foreign and malformed callbacks are refused, not stored, and each raises a security event', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  const body = trial.push.says(success(attempt.id))
  const post = async (url: string, headers = {}): Promise<number> =>
    (await trial.app.inject({ method: 'POST', url, payload: body, headers })).statusCode
  const good = new URL(trial.push.started[0]?.callbackUrl ?? '').pathname
  const flipped = good.slice(0, -1) + (good.endsWith('0') ? '1' : '0')
  assert.equal(await post(flipped), 401)
  assert.equal(await post('/api/webhook/tap'), 401)
  assert.equal(await post('/api/webhook/tap/nonsense'), 401)
  assert.equal(await post(`/api/webhook/tap/${attempt.id}.`), 401)
  assert.equal(await post('/api/webhook/none'), 404)
  assert.equal(await post('/api/webhook/cards', { 'x-signature': 'bad' }), 401)
  trial.push.off = 'no keys'
  assert.equal(await post(good), 404, 'a rail that is off accepts nothing')
  trial.push.off = undefined
  assert.deepEqual(await events(trial), [])
  assert.deepEqual(securityEvents(trial), [
    'forged-token',
    'forged-callback',
    'forged-token',
    'forged-token',
    'forged-callback',
  ])
  const text = JSON.stringify(trial.log.entries)
  assert.ok(!text.includes(good.split('.').at(-1) ?? ''), 'no token in the log')
  assert.ok(!text.includes('254712345678'), 'no phone in the log')
})

void test('an event that does not match its attempt credits nothing', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  confirms(trial)
  const intent = await trial.create()
  const mine = await trial.start(intent.id)
  const victim = await trial.start((await trial.create()).id, '254798765432')
  const facts: Fact[] = [
    success(victim.id),
    { ...success(mine.id), outcome: received({ id: 'ref_x', gross: kes(150_000n) }, referenceOf(victim.id)) },
    { ...success(mine.id), about: { reference: referenceOf(victim.id) } },
    success(mine.id, 150_000n, { payerPhone: '254700000000' }),
    success(mine.id, 1_500_000n),
    { ...success(mine.id), outcome: received({ id: referenceOf(mine.id), gross: { asset: 'USD/2', amount: 1n } }) },
  ]
  // Sent to the callback path of the first attempt, whose token is valid.
  const bodies = facts.map((fact) => trial.push.says(fact))
  for (const body of bodies) assert.equal(await trial.callback(trial.push, body, 0), 200)
  await trial.pass()
  assert.deepEqual((await trial.find(intent.id)).receipts, [])
  assert.deepEqual(new Set((await events(trial)).map(({ state }) => state)), new Set(['ignored']))
  assert.deepEqual(
    securityEvents(trial).toSorted((a, b) => a.localeCompare(b)),
    [
      'amount-mismatch',
      'amount-mismatch',
      'phone-mismatch',
      'reference-mismatch',
      'token-of-another-attempt',
      'token-of-another-attempt',
    ],
  )
  assert.equal(trial.push.checked.length, 0)

  // The same body on its own callback path is another event: the forged copy has not replaced it.
  assert.equal(await trial.callback(trial.push, bodies[0] ?? Buffer.of(), 1), 200)
  await trial.pass()
  assert.equal((await trial.find(victim.intentId)).status, 'paid')
  await trial.booksHold()
})

void test('a reference of another attempt is not stored', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  confirms(trial)
  const payer = await trial.start((await trial.create()).id)
  const intent = await trial.create()
  trial.push.onStart = () => Promise.reject(new Error('cut'))
  const lost = await trial.start(intent.id, '254798765432')
  const stolen: Fact = {
    ...success(lost.id),
    outcome: received({ id: referenceOf(payer.id), gross: kes(150_000n) }, referenceOf(payer.id)),
  }
  await trial.callback(trial.push, trial.push.says(stolen))
  await trial.pass()
  assert.deepEqual(securityEvents(trial), ['foreign-reference'])
  assert.deepEqual((await trial.find(intent.id)).receipts, [])
})

void test('when the provider contradicts an event, the provider is believed and the event is parked', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const attempt = await trial.start(intent.id)
  trial.push.onCheck = () => ({ kind: 'failed', reason: 'insufficient-funds' })
  await trial.callback(trial.push, trial.push.says(success(attempt.id)))
  await trial.pass()
  assert.equal((await trial.find(intent.id)).attempts[0]?.reason, 'insufficient-funds')
  assert.deepEqual(
    (await events(trial)).map(({ state }) => state),
    ['parked'],
  )
  assert.deepEqual(securityEvents(trial), ['event-contradicted'])
})

void test('an early event is retried until its attempt exists, or for a day', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const signed = { 'x-signature': 'good' }
  const reversal: Fact = {
    about: { receiptId: 'ch_1' },
    outcome: { kind: 'reversed', receiptId: 'ch_1', amount: kes(150_000n), reason: 'chargeback', reversalId: 'dp_1' },
    needsCheck: false,
  }
  const never: Fact = { ...reversal, about: { receiptId: 'ch_never' } }
  for (const fact of [reversal, never]) {
    await trial.app.inject({
      method: 'POST',
      url: '/api/webhook/cards',
      payload: trial.page.says(fact),
      headers: signed,
    })
  }
  await trial.pass()
  const intent = await trial.create()
  const attempt = await trial.payments.startAttempt({
    intentId: intent.id,
    merchantId: 'mer_1',
    method: 'card',
    payer: {},
    returnUrl: '',
  })
  trial.page.onCheck = () => received({ id: 'ch_1', gross: kes(150_000n) })
  await trial.pass(5000)
  await trial.pass(60_000)
  assert.equal((await trial.find(intent.id)).status, 'reversed')
  assert.equal((await trial.find(intent.id)).attempts[0]?.id, attempt.id)
  assert.deepEqual((await events(trial)).map(({ state }) => state).toSorted(), ['done', 'new'])
  for (let i = 0; i < 100; i++) await trial.pass(900_000)
  assert.deepEqual((await events(trial)).map(({ state }) => state).toSorted(), ['done', 'parked'])
  await trial.booksHold()
})

void test('an event whose handling throws is retried with backoff and then parked', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const attempt = await trial.start((await trial.create()).id)
  await database.owner.run(
    sql`create function payments.broken() returns trigger language plpgsql as 'begin raise exception $$no$$; end'`,
  )
  await database.owner.run(
    sql`create trigger broken before insert on payments.receipts execute function payments.broken()`,
  )
  confirms(trial)
  await trial.callback(trial.push, trial.push.says(success(attempt.id)))
  for (let i = 0; i < 10; i++) await trial.pass(60_000)
  const [waiting] = await events(trial)
  assert.equal(waiting?.state, 'new')
  assert.ok(waiting.tries >= 5 && waiting.tries <= 9, `tried ${waiting.tries} times in ten minutes`)
  const asked = trial.push.checked.length
  for (let i = 0; i < 100; i++) await trial.pass(900_000)
  assert.equal((await events(trial))[0]?.state, 'parked')
  const { checks } = await trial.db.one<{ checks: number }>(sql`select checks from payments.attempts`)
  assert.ok(checks > 5, 'polling counts its checks too')
  assert.ok(trial.push.checked.length > asked)
})

void test('an unknown event shape is parked; different bodies with one event id are one event', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const headers = { 'x-signature': 'good', 'x-event': 'evt_1' }
  for (const payload of ['{"fact":99}', '{"fact":98}', trial.page.says()]) {
    const { statusCode } = await trial.app.inject({ method: 'POST', url: '/api/webhook/cards', payload, headers })
    assert.equal(statusCode, 200)
  }
  const signed = { 'x-signature': 'good' }
  await trial.app.inject({ method: 'POST', url: '/api/webhook/cards', payload: trial.page.says(), headers: signed })
  await trial.pass()
  assert.deepEqual((await events(trial)).map(({ state }) => state).toSorted(), ['ignored', 'parked'])
  const health = await trial.inbox.health?.[0]?.check()
  assert.deepEqual(health, { status: 'healthy', detail: { lagSeconds: 0, parkedEvents: 1 } })
})

void test('handled events are deleted after 90 days; parked events stay', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const signed = { 'x-signature': 'good' }
  for (const payload of [trial.page.says(), '{"fact":99}'])
    await trial.app.inject({ method: 'POST', url: '/api/webhook/cards', payload, headers: signed })
  await trial.pass()
  await trial.pass(89 * 86_400_000)
  assert.deepEqual((await events(trial)).map(({ state }) => state).toSorted(), ['ignored', 'parked'])
  await trial.pass(2 * 86_400_000)
  assert.deepEqual(
    (await events(trial)).map(({ state }) => state),
    ['parked'],
  )
})

void test('unhandled events and unchecked attempts degrade health', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const attempt = await trial.start((await trial.create()).id)
  await trial.callback(trial.push, trial.push.says(success(attempt.id)))
  trial.clock.advance(66_000)
  assert.deepEqual(await trial.inbox.health?.[0]?.check(), {
    status: 'degraded',
    detail: { lagSeconds: 66, parkedEvents: 0 },
  })
  assert.deepEqual(await trial.payments.health?.[0]?.check(), {
    status: 'degraded',
    detail: { overdueSeconds: 61, refundsWaiting: 0, transfersWaiting: 0 },
  })
})
