import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from '#platform/database/db'
import { openWorld } from '../world.ts'
import { ask, assertBooksHold, assertRefused, create, find, leap, PAYMENTS, prompt, start } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const DAY_MS = 24 * 3_600_000
const replayed = (answer: { headers: Headers }): string | null => answer.headers.get('idempotent-replayed')
const countPayments = async (): Promise<number> =>
  (await world.app.db.one<{ count: number }>(sql`select count(*)::int as count from payments.intents`)).count
const countAttempts = async (id: string): Promise<number> => (await find(world, id)).attempts.length

void test('the same key and body return the first response again', async () => {
  const body = { reference: 'order-1', metadata: { a: '1', b: '2' } }
  const first = await ask(world, body, { 'idempotency-key': 'again-1' })
  assert.deepEqual([first.status, replayed(first)], [201, null])
  const before = await countPayments()
  const second = await ask(world, body, { 'idempotency-key': 'again-1' })
  assert.deepEqual([second.status, replayed(second)], [201, 'true'])
  assert.deepEqual(second.body, first.body)
  assert.equal(second.headers.get('location'), first.headers.get('location'))
  // The order of fields does not matter.
  const third = await ask(
    world,
    { metadata: { b: '2', a: '1' }, reference: 'order-1' },
    { 'idempotency-key': 'again-1' },
  )
  assert.deepEqual([third.body, replayed(third)], [first.body, 'true'])
  assert.equal(await countPayments(), before)
})

void test('without a key each request creates a payment', async () => {
  assert.notEqual((await create(world)).id, (await create(world)).id)
})

void test('the same key with another body is refused', async () => {
  const key = { 'idempotency-key': 'other-1' }
  await create(world, {}, key)
  const before = await countPayments()
  for (const body of [{ amount: '1500.01' }, { currency: 'USD' }, { reference: 'x' }, { amount: '0' }])
    assertRefused(await ask(world, body, key), { status: 409, code: 'idempotency-key-reused', says: /new key/ })
  assert.equal(await countPayments(), before)
})

void test('a repeat returns the payment as created, even after it changed', async () => {
  const key = { 'idempotency-key': 'as-created-1' }
  const created = await create(world, {}, key)
  await start(world, created.id, '254700000001')
  await world.advance(3000)
  assert.equal((await find(world, created.id)).status, 'paid')
  const again = await ask(world, {}, key)
  assert.deepEqual([again.body, replayed(again)], [created, 'true'])
})

void test('a repeat is answered even if the request would now be refused', async () => {
  const { identity, db } = world.app
  const actor = { type: 'system', id: 'test' } as const
  const origin = 'https://duka.example'
  await db.transaction((tx) => identity.addReturnOrigin(tx, { merchantId: world.merchantId, origin }, actor))
  const body = { return_url: `${origin}/thanks` }
  const key = { 'idempotency-key': 'origin-1' }
  const created = await create(world, body, key)
  await db.transaction((tx) => identity.removeReturnOrigin(tx, { merchantId: world.merchantId, origin }, actor))
  await leap(world, 10_000)
  assertRefused(await ask(world, body), { status: 422, code: 'validation-failed', param: 'return_url' })
  const again = await ask(world, body, key)
  assert.deepEqual([again.status, again.body, replayed(again)], [201, created, 'true'])
  assertRefused(await ask(world, { ...body, amount: '7' }, key), { status: 409, code: 'idempotency-key-reused' })
})

void test('idempotency keys are per merchant', async () => {
  const { identity, db } = world.app
  const actor = { type: 'system', id: 'test' } as const
  const secret = await db.transaction(async (tx) => {
    const { id: merchantId } = await identity.createMerchant(tx, { name: 'Another' }, actor)
    return (await identity.createKey(tx, { merchantId, name: 'test' }, actor)).secret
  })
  const mine = await create(world, {}, { 'idempotency-key': 'shared-1' })
  const theirs = await ask(world, {}, { 'idempotency-key': 'shared-1', authorization: `Bearer ${secret}` })
  assert.deepEqual([theirs.status, replayed(theirs)], [201, null])
  assert.notEqual(theirs.body.id, mine.id)
})

void test('200 concurrent requests with one key create one payment and get one response', async () => {
  const before = await countPayments()
  const key = { 'idempotency-key': 'at-once-1' }
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(world, { reference: 'at-once' }, key)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
  assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
  assert.equal(answers.filter((answer) => replayed(answer) === null).length, 1, 'exactly one was the first')
  assert.equal(await countPayments(), before + 1)
})

void test('200 concurrent requests with one key and two bodies: one body is accepted, the other refused', async () => {
  const before = await countPayments()
  const key = { 'idempotency-key': 'at-once-2' }
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) => ask(world, { reference: n % 2 ? 'odd' : 'even' }, key)),
  )
  const taken = answers.filter(({ status }) => status === 201)
  assert.equal(new Set(taken.map(({ body }) => body.id)).size, 1)
  assert.equal(taken.length, 100)
  for (const answer of answers.filter(({ status }) => status !== 201))
    assertRefused(answer, { status: 409, code: 'idempotency-key-reused' })
  assert.equal(await countPayments(), before + 1)
})

void test('200 concurrent attempts with one key prompt the phone once and get one response', async () => {
  const { id } = await create(world)
  const key = { 'idempotency-key': 'attempt-at-once' }
  const answers = await Promise.all(Array.from({ length: 200 }, () => prompt(world, id, '254711000001', key)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
  assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
  assert.equal(answers.filter((answer) => replayed(answer) === null).length, 1)
  assert.equal(await countAttempts(id), 1)
  const { body: phone } = await world.api('GET', '/sandbox/phone/254711000001')
  assert.equal(phone.prompts.length, 1, 'the phone got one prompt')
})

void test('an attempt repeated with its key is the first one, unchanged; without a key it is a new one', async () => {
  const { id } = await create(world)
  const key = { 'idempotency-key': 'attempt-1' }
  const first = await prompt(world, id, '254700000002', key)
  assert.deepEqual([first.status, first.body.status, replayed(first)], [201, 'pending', null])
  await world.advance(3000)
  assert.equal((await find(world, id)).attempts[0].status, 'failed')
  const again = await prompt(world, id, '254700000002', key)
  assert.deepEqual([again.status, again.body, replayed(again)], [201, first.body, 'true'])
  assertRefused(await prompt(world, id, '254700000001', key), { status: 409, code: 'idempotency-key-reused' })
  assert.equal(await countAttempts(id), 1)
  const other = await prompt(world, id, '254700000001')
  assert.notEqual(other.body.id, first.body.id)
})

void test('a refused attempt is refused again, and a retryable refusal does not use up the key', async () => {
  const { id } = await create(world, { methods: ['card'] })
  const key = { 'idempotency-key': 'refused-1' }
  const refused = { status: 422, code: 'payments.method-not-allowed', param: 'method' } as const
  assertRefused(await prompt(world, id, '254700000001', key), refused)
  const again = await prompt(world, id, '254700000001', key)
  assertRefused(again, refused)
  assert.equal(replayed(again), 'true')

  const other = await create(world)
  const waiting = { 'idempotency-key': 'in-flight-1' }
  await start(world, other.id, '254700000002')
  assertRefused(await prompt(world, other.id, '254700000001', waiting), {
    status: 409,
    code: 'payments.attempt-in-flight',
  })
  await world.advance(3000)
  assert.equal((await prompt(world, other.id, '254700000001', waiting)).status, 201)
})

void test('an attempt whose process died is found, not started again, by its key', async () => {
  const { id } = await create(world)
  const key = { 'idempotency-key': 'died-1' }
  const first = await prompt(world, id, '254700000003', key)
  // Recreate the state after a kill between the prompt and the response.
  await world.database.owner.run(sql`update platform.idempotency set state = 'running', status = null, body = null,
    claimed_by = null where key = 'died-1'`)
  await world.advance(3000)
  const again = await prompt(world, id, '254700000003', key)
  assert.deepEqual([again.status, again.body.id, again.body.reason], [201, first.body.id, 'canceled-by-payer'])
  assert.equal(await countAttempts(id), 1)
})

for (const [path, body] of [
  ['/api/v1/payment-links', { currency: 'KES', amount: '7.00' }],
  ['/api/v1/stores', { name: 'Mombasa' }],
] as const) {
  void test(`POST ${path}: an object whose process died before answering is found, not created again`, async () => {
    const key = { 'idempotency-key': `died ${path}` }
    const before = await world.api('POST', path, body, { 'idempotency-key': 'another' })
    // Make storing the response fail after the row is created.
    await world.database.owner.run(
      sql`alter table platform.idempotency add constraint dead check (state <> 'done') not valid`,
    )
    const first = await world.api('POST', path, body, key)
    assert.equal(first.status, 500)
    await world.database.owner.run(sql`alter table platform.idempotency drop constraint dead`)
    await world.crash()
    const again = await world.api('POST', path, body, key)
    assert.equal(again.status, 201, JSON.stringify(again.body))
    const { body: list } = await world.api('GET', path)
    const ids = list.data.map(({ id }: { id: string }) => id)
    assert.deepEqual(ids, [again.body.id, before.body.id], 'one per key')
    const third = await world.api('POST', path, body, key)
    assert.deepEqual([third.body, replayed(third)], [again.body, 'true'])
  })
}

void test('a repeat waits ten seconds for the first response, then is refused with a time to retry', async () => {
  const { id } = await create(world)
  const path = `${PAYMENTS}/${id}/attempts`
  const first = await prompt(world, id, '254711000002', { 'idempotency-key': 'slow-1' })
  // Simulates that the first request is still running, in this process or another.
  const run = (): Promise<number> =>
    world.database.owner.run(sql`update platform.idempotency set state = 'running', status = null, body = null,
      claimed_by = ${world.app.jobs.instanceId} where scope like ${`% ${path}`}`)
  await run()
  const refused = await prompt(world, id, '254711000002', { 'idempotency-key': 'slow-1' })
  assertRefused(refused, { status: 409, code: 'idempotency-in-progress', says: /still running/ })
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/)

  const waiting = prompt(world, id, '254711000002', { 'idempotency-key': 'slow-1' })
  await world.database.owner.run(sql`update platform.idempotency set state = 'done', claimed_by = null, status = 201,
    body = ${JSON.stringify(first.body)} where scope like ${`% ${path}`}`)
  const answered = await waiting
  assert.deepEqual([answered.status, answered.body, replayed(answered)], [201, first.body, 'true'])
})

void test('a malformed idempotency key is refused', async () => {
  for (const bad of ['', ' ', 'x'.repeat(256), 'caf\u00e9']) {
    const answer = await ask(world, {}, { 'idempotency-key': bad })
    if (bad.trim() === '') continue
    assertRefused(answer, { status: 422, code: 'validation-failed', param: 'Idempotency-Key', says: /printable ASCII/ })
  }
  await create(world, {}, { 'idempotency-key': 'x'.repeat(255) })
})

void test('idempotency keys are kept for 30 days', async () => {
  const key = { 'idempotency-key': 'kept-1' }
  const created = await create(world, { expires_in: 60 }, key)
  const attempted = await create(world, { expires_in: 7 * 24 * 3600 })
  const first = await prompt(world, attempted.id, '254700000001', key)
  await leap(world, 30 * DAY_MS - 60_000)
  const again = await ask(world, { expires_in: 60 }, key)
  assert.deepEqual([again.body, replayed(again)], [created, 'true'])
  assert.deepEqual((await prompt(world, attempted.id, '254700000001', key)).body, first.body)

  await leap(world, DAY_MS)
  const later = await ask(world, { expires_in: 60 }, key)
  assert.deepEqual([later.status, replayed(later)], [201, null])
  assert.notEqual(later.body.id, created.id)
  assert.equal((await prompt(world, attempted.id, '254700000001', key)).status, 409, 'it is paid, and the key is new')
  const rows = await world.app.db.many(sql`select key from platform.idempotency where key = 'died-1' limit 1`)
  assert.deepEqual(rows, [], 'old keys are deleted')
})

void test('the books hold afterwards', async () => {
  await assertBooksHold(world)
  assert.equal((await world.api('GET', `${PAYMENTS}?limit=1`)).status, 200)
})
