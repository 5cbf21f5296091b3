import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../../test/database.ts'
import { openTcpProxy } from '../../../../test/tcp-proxy.ts'
import { waitFor } from '../../../../test/wait.ts'
import { addMs, createSetClock } from '../../base/clock.ts'
import { openDb, rawSql, sql, type Queryable } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import { silentLog } from '../../observe/log.ts'
import { platformSchema } from '../../database/schema.ts'
import { createClaims, IDEMPOTENCY_KEYS } from '../../runtime/jobs/claims.ts'
import { createIdempotency, hashRequest, idempotencyKeyOf, IDEMPOTENCY_TTL_MS } from '../idempotency.ts'

const request = { scope: 'mer_1 POST /things', key: 'k1', hash: hashRequest('POST', '/things', { a: 1 }) }

type GiveBack = Parameters<typeof createIdempotency>[0]['giveBack']

/** A process that runs requests. Its keys are freed when it dies. */
const instance = {
  instanceId: 'one',
  giveBack: (() => undefined) as GiveBack,
  requireHeartbeat: () => Promise.resolve(),
}

const free = ({ owner }: { owner: Queryable }): Promise<number> =>
  owner.run(sql`update platform.idempotency set claimed_by = null`)

async function open() {
  const database = await openTestDatabase([platformSchema])
  const clock = createSetClock()
  return { ...database, clock, idempotency: createIdempotency({ ...instance, clock, waitMs: 2000 }) }
}

/** An action that counts its runs and can be paused. */
function action(outcome: () => Promise<unknown> = () => Promise.resolve({ id: 'thg_1' })) {
  let runs = 0
  const act = async () => {
    runs++
    return { status: 201, body: await outcome() }
  }
  return { act, runs: () => runs }
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )

void test('a repeat gets the first response, and the action runs once', async () => {
  await using t = await open()
  const { act, runs } = action(() => Promise.resolve({ z: 1, a: 'ä', none: null }))
  const first = await t.idempotency.run(t.db, request, act)
  assert.deepEqual(first, { status: 201, body: { z: 1, a: 'ä', none: null }, replayed: false })
  const again = await t.idempotency.run(t.db, request, act)
  assert.deepEqual(again, { ...first, replayed: true })
  assert.equal(JSON.stringify(again.body), JSON.stringify(first.body))
  assert.equal(runs(), 1)
})

void test('another request with the same key is refused; another scope or key runs separately', async () => {
  await using t = await open()
  const { act, runs } = action()
  await t.idempotency.run(t.db, request, act)
  const other = { ...request, hash: hashRequest('POST', '/things', { a: 2 }) }
  assert.equal(await codeOf(t.idempotency.run(t.db, other, act)), 'idempotency-key-reused')
  await t.idempotency.run(t.db, { ...other, key: 'k2' }, act)
  await t.idempotency.run(t.db, { ...other, scope: 'mer_2 POST /things' }, act)
  assert.equal(runs(), 3)
})

void test('200 concurrent requests with one key run once and get the same response', async () => {
  await using t = await open()
  const gate = Promise.withResolvers<void>()
  const { act, runs } = action(async () => {
    await gate.promise
    return { id: 'thg_1' }
  })
  const calls = Array.from({ length: 200 }, () => t.idempotency.run(t.db, request, act))
  await waitFor('the first run', () => runs() === 1)
  // Waiting requests hold no connection, so the pool of 10 still works.
  await t.db.one(sql`select 1 as one`)
  gate.resolve()
  const answers = await Promise.all(calls)
  assert.equal(runs(), 1)
  assert.equal(answers.filter(({ replayed }) => !replayed).length, 1)
  assert.ok(answers.every(({ status, body }) => status === 201 && (body as { id: string }).id === 'thg_1'))
})

void test('a waiting request fails with 409 and Retry-After', async () => {
  await using t = await open()
  const impatient = createIdempotency({ ...instance, clock: t.clock, waitMs: 60 })
  const gate = Promise.withResolvers<void>()
  const { act, runs } = action(() => gate.promise.then(() => ({})))
  const first = impatient.run(t.db, request, act)
  await waitFor('the first run', () => runs() === 1)
  await assert.rejects(impatient.run(t.db, request, act), {
    code: 'idempotency-in-progress',
    status: 409,
    retryAfterSeconds: 1,
  })
  gate.resolve()
  await first
})

void test('business refusals are stored; after temporary refusals and unexpected errors a repeat runs again', async () => {
  await using t = await open()
  const throwing = (error: Error) => action(() => Promise.reject(error))
  const kept = throwing(new AppError('things.paid', 409, 'It is paid.', { param: 'id' }))
  await assert.rejects(t.idempotency.run(t.db, request, kept.act), { code: 'things.paid' })
  await assert.rejects(t.idempotency.run(t.db, request, kept.act), {
    code: 'things.paid',
    status: 409,
    message: 'It is paid.',
    param: 'id',
    replayed: true,
  })
  assert.equal(kept.runs(), 1)
  const passing = [
    new AppError('things.busy', 409, 'Busy.', { retryAfterSeconds: 2 }),
    new AppError('forbidden', 403, 'No.'),
    new AppError('rate-limited', 429, 'Wait.'),
    new TypeError('a bug'),
  ]
  for (const [i, error] of passing.entries()) {
    const { act, runs } = throwing(error)
    const key = `passing-${i}`
    await assert.rejects(t.idempotency.run(t.db, { ...request, key }, act), error)
    await assert.rejects(t.idempotency.run(t.db, { ...request, key }, act), error)
    assert.equal(runs(), 2, error.message)
  }
})

void test('after an unexpected error a repeat rebuilds the response without acting again, and the key stays claimed', async () => {
  await using t = await open()
  const { act, runs } = action(() => Promise.reject(new TypeError('the connection broke')))
  const rebuild = () => Promise.resolve({ status: 201, body: { id: 'thg_1' } })
  await assert.rejects(t.idempotency.run(t.db, { ...request, rebuild }, act), TypeError)
  const other = { ...request, hash: hashRequest('POST', '/things', { a: 2 }) }
  assert.equal(await codeOf(t.idempotency.run(t.db, other, act)), 'idempotency-key-reused')
  const again = await t.idempotency.run(t.db, { ...request, rebuild }, act)
  assert.deepEqual(again, { status: 201, body: { id: 'thg_1' }, replayed: false })
  assert.equal(runs(), 1)
})

void test('when the first request fails unexpectedly, one waiting request runs', async () => {
  await using t = await open()
  const gate = Promise.withResolvers<void>()
  let runs = 0
  const act = async () => {
    if (++runs > 1) return { status: 201, body: 'second' }
    await gate.promise
    throw new TypeError('a bug')
  }
  const first = codeOf(t.idempotency.run(t.db, request, act))
  await waitFor('the first run', () => runs === 1)
  const others = [t.idempotency.run(t.db, request, act), t.idempotency.run(t.db, request, act)]
  gate.resolve()
  assert.equal(await first, 'TypeError: a bug')
  assert.deepEqual(
    (await Promise.all(others)).map(({ body }) => body),
    ['second', 'second'],
  )
  assert.equal(runs, 2)
})

void test('after a COMMIT with an unknown end a repeat rebuilds the response without acting again', async () => {
  await using t = await open()
  const lost = new AppError('platform.commit-unknown', 503, 'Send it again.', { retryAfterSeconds: 5 })
  const { act, runs } = action(() => Promise.reject(lost))
  const rebuild = () => Promise.resolve({ status: 201, body: { id: 'thg_1' } })
  await assert.rejects(t.idempotency.run(t.db, { ...request, rebuild }, act), lost)
  const again = await t.idempotency.run(t.db, { ...request, rebuild }, act)
  assert.deepEqual([again.status, again.body], [201, { id: 'thg_1' }])
  assert.equal(runs(), 1)
})

void test('after a crash one of the repeats rebuilds the response', async () => {
  await using t = await open()
  // A killed process leaves a row with state running, whose claim is freed once the process is known to be dead.
  const crash = (key: string) =>
    t.db.run(sql`insert into platform.idempotency (scope, key, hash, state, claim, claimed_by, created_at)
      values (${request.scope}, ${key}, ${request.hash}, 'running', 7, 'dead', ${t.clock.now()})`)
  const { act, runs } = action()
  let rebuilt = 0
  const rebuild = async () => {
    rebuilt++
    return { status: 201, body: { id: 'thg_stored' } as unknown }
  }
  await crash('k1')
  const impatient = createIdempotency({ ...instance, clock: t.clock, waitMs: 30 })
  assert.equal(await codeOf(impatient.run(t.db, { ...request, rebuild }, act)), 'idempotency-in-progress')
  await free(t)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => t.idempotency.run(t.db, { ...request, rebuild }, act)),
  )
  assert.ok(answers.every(({ body }) => (body as { id: string }).id === 'thg_stored'))
  assert.deepEqual([rebuilt, runs()], [1, 0])

  await crash('k2')
  await free(t)
  const nothingDone = () => Promise.resolve(undefined)
  const fresh = await t.idempotency.run(t.db, { ...request, key: 'k2', rebuild: nothingDone }, act)
  assert.deepEqual([fresh.body, runs()], [{ id: 'thg_1' }, 1])
})

void test('a run that lost its key does not overwrite the response of the new owner', async () => {
  await using t = await open()
  const gate = Promise.withResolvers<void>()
  const slow = action(() => gate.promise.then(() => 'slow'))
  const first = t.idempotency.run(t.db, request, slow.act)
  await waitFor('the slow run', () => slow.runs() === 1)
  await free(t)
  const second = await t.idempotency.run(t.db, request, action(() => Promise.resolve('quick')).act)
  assert.equal(second.body, 'quick')
  gate.resolve()
  await first
  assert.equal((await t.idempotency.run(t.db, request, slow.act)).body, 'quick')
})

void test('when the response cannot be stored, the action does not run again at once', async () => {
  await using t = await open()
  const { act, runs } = action(async () => {
    await t.owner.run(
      rawSql("alter table platform.idempotency add constraint broken check (state = 'running') not valid"),
    )
    return {}
  })
  assert.match(await codeOf(t.idempotency.run(t.db, request, act)), /broken/)
  const impatient = createIdempotency({ ...instance, clock: t.clock, waitMs: 30 })
  assert.equal(await codeOf(impatient.run(t.db, request, act)), 'idempotency-in-progress')
  assert.equal(runs(), 1)
})

void test('a key whose claim got no answer is given back, and a repeat takes it over', async () => {
  await using t = await open()
  await using proxy = await openTcpProxy({ path: `${t.connection.host ?? ''}/.s.PGSQL.5432` })
  const db = openDb({ connection: { ...t.connection, host: '127.0.0.1', port: proxy.port } })
  const claims = createClaims({ db: t.db, clock: t.clock, log: silentLog, holder: instance.instanceId, tables: [] })
  const giveBack: GiveBack = (run) => claims.giveBack(IDEMPOTENCY_KEYS, run, 0)
  const idempotency = createIdempotency({ ...instance, giveBack, clock: t.clock, waitMs: 200 })
  const { act, runs } = action()
  for (const answer of ['INSERT 0 1', 'UPDATE 1']) {
    const lost = proxy.freezeOn((text) => text.includes(answer))
    const call = codeOf(idempotency.run(db, request, act))
    await lost
    proxy.cut()
    assert.match(await call, /Connection terminated/)
    assert.equal(await codeOf(idempotency.run(t.db, request, act)), 'idempotency-in-progress')
    await claims.flush()
  }
  assert.equal((await idempotency.run(t.db, request, act)).status, 201)
  assert.equal(runs(), 1)
  await db.close()
})

void test('keys are stored for 30 days', async () => {
  await using t = await open()
  const { act, runs } = action()
  await t.idempotency.run(t.db, request, act)
  t.clock.advance(IDEMPOTENCY_TTL_MS - 1000)
  assert.equal((await t.idempotency.run(t.db, request, act)).replayed, true)
  await t.idempotency.run(t.db, { ...request, key: 'young' }, act)
  t.clock.advance(1000)
  assert.equal((await t.idempotency.run(t.db, request, act)).replayed, false)
  assert.equal(runs(), 3)
  t.clock.advance(IDEMPOTENCY_TTL_MS)
  assert.equal(await t.idempotency.purge(t.db, addMs(t.clock.now(), -IDEMPOTENCY_TTL_MS), 1), 1)
  assert.equal(await t.idempotency.purge(t.db, addMs(t.clock.now(), -IDEMPOTENCY_TTL_MS), 10), 0)
})

void test('the hash distinguishes requests and ignores the order of fields', () => {
  const hash = (body: unknown, path = '/things') => hashRequest('POST', path, body)
  const base = hash({ a: '1', b: { c: [1, 2], d: null } })
  assert.match(base, /^[0-9a-f]{64}$/)
  assert.equal(hash({ b: { d: null, c: [1, 2] }, a: '1', e: undefined }), base)
  const others = [
    hash({ a: 1, b: { c: [1, 2], d: null } }),
    hash({ a: '1', b: { c: [2, 1], d: null } }),
    hash({ a: '1', b: { c: [1, 2] } }),
    hash({ a: '1', b: { c: [1, 2], d: null } }, '/other'),
    hash({ a: '1","b":"2' }),
    hash({ a: '1', b: '2' }),
    hash([]),
    hash({}),
    hash(undefined),
    hash(''),
  ]
  assert.equal(new Set([base, ...others]).size, others.length + 1)
})

void test('the key is 1 to 255 printable ASCII characters', () => {
  const keyOf = (key: unknown) => idempotencyKeyOf({ headers: { 'idempotency-key': key } })
  assert.equal(idempotencyKeyOf({ headers: {} }), undefined)
  for (const key of ['a', 'order 17/b', '~'.repeat(255)]) assert.equal(keyOf(key), key)
  for (const key of ['', ' ', ' a', 'ä', 'a\tb', 'a'.repeat(256), ['a', 'b']])
    assert.throws(() => keyOf(key), { code: 'validation-failed', status: 422, param: 'Idempotency-Key' })
})
