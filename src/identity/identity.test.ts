import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openTestDatabase, type TestDatabase } from '../../test/database.ts'
import { waitFor } from '../../test/wait.ts'
import { createSetClock, type SetClock } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import { rawSql, sql, type Sql, type Tx } from '#platform/database/db'
import { createIds } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { createMasterKey, type MasterKey } from '#platform/environment/masterkey'
import type { Actor } from '#platform/runtime/module'
import { createIdentity, identitySchema, type Identity, type Scope } from './index.ts'
import { createKeyUsage } from './key-usage.ts'

const actor: Actor = { type: 'cli', id: 'ada' }
const keyBytes = [randomBytes(32), randomBytes(32)] as const

interface World extends AsyncDisposable {
  database: TestDatabase
  clock: SetClock
  masterKey: MasterKey
  identity: Identity
  /** Creates another instance on the same database. */
  other(versions?: number): Identity
  write<T>(act: (tx: Tx) => Promise<T>): Promise<T>
}

async function openWorld(mode: Mode = 'sandbox'): Promise<World> {
  const database = await openTestDatabase([identitySchema])
  const clock = createSetClock()
  const keyOf = (versions: number): MasterKey =>
    createMasterKey(keyBytes.slice(0, versions).map((key, i) => ({ version: i + 1, key })))
  const create = (versions: number): Identity => {
    const masterKey = keyOf(versions)
    return createIdentity({ db: database.db, mode, masterKey, clock, ids: createIds(clock), log: silentLog })
  }
  return {
    database,
    clock,
    masterKey: keyOf(1),
    identity: create(1),
    other: (versions = 1) => create(versions),
    write: (act) => database.db.transaction(act),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

async function makeKey(world: World, input: { scopes?: readonly Scope[]; expiresAt?: Date } = {}) {
  return world.write(async (tx) => {
    const merchant = await world.identity.createMerchant(tx, { name: 'Duka' }, actor)
    const key = await world.identity.createKey(tx, { merchantId: merchant.id, name: 'web', ...input }, actor)
    return { merchant, ...key, bearer: `Bearer ${key.secret}` }
  })
}

const refused = (message: RegExp) => ({ status: 401, code: 'unauthorized', message })

const SAFE = [
  'balance:read',
  'merchant:read',
  'merchant:write',
  'payments:read',
  'payments:write',
  'webhooks:read',
  'webhooks:write',
]

void test('a key authenticates its merchant, and its default scopes cannot redirect money', async () => {
  await using world = await openWorld()
  const { merchant, id, secret, bearer } = await makeKey(world)
  assert.match(secret, /^sk_test_[\w-]{32}$/)
  const caller = await world.identity.authenticate(bearer)
  assert.deepEqual(
    [caller.merchantId, caller.keyId, caller.livemode, [...caller.scopes].toSorted()],
    [merchant.id, id, false, SAFE],
  )
  world.identity.requireScope(caller, 'payments:write')
  assert.throws(() => world.identity.requireScope(caller, 'payouts:write'), {
    status: 403,
    code: 'forbidden',
    message: /payouts:write/,
  })
})

void test('a missing, malformed, unknown or wrong-mode key is refused with advice', async () => {
  await using world = await openWorld()
  const { authenticate } = world.identity
  await assert.rejects(authenticate(undefined), refused(/Authorization: Bearer sk_test_/))
  await assert.rejects(authenticate('Basic abc'), refused(/must read: Bearer/))
  await assert.rejects(authenticate(`Bearer ${'x'.repeat(400)}`), refused(/must read: Bearer/))
  await assert.rejects(authenticate('Bearer hello'), refused(/begins with sk_test_/))
  await assert.rejects(authenticate('Bearer sk_live_abc'), refused(/for live mode.*only keys that begin with sk_test_/))
  await assert.rejects(authenticate('Bearer sk_test_madeup'), refused(/not valid/))
})

void test('in live mode keys are sk_live_ and test keys are refused', async () => {
  await using world = await openWorld('live')
  const { merchant, secret, bearer } = await makeKey(world)
  assert.match(secret, /^sk_live_/)
  assert.equal(merchant.livemode, true)
  assert.equal((await world.identity.authenticate(bearer)).livemode, true)
  await assert.rejects(world.identity.authenticate('Bearer sk_test_abc'), refused(/for test data.*sk_live_/))
  await assert.rejects(
    world.write((tx) => world.identity.ensureSandboxMerchant(tx, { secret: 'sk_test_x' })),
    /live mode/,
  )
})

void test('the database never stores a key', async () => {
  await using world = await openWorld()
  const { secret } = await makeKey(world)
  const rows = await world.database.owner.many(
    sql`select to_jsonb(k) as row from identity.keys k union all select to_jsonb(a) from identity.audit a`,
  )
  assert.equal(JSON.stringify(rows).includes(secret.slice(8, -4)), false)
})

void test('an expired key is refused on time, even while it is cached', async () => {
  await using world = await openWorld()
  const { bearer } = await makeKey(world, { expiresAt: new Date('2026-01-15T09:00:02Z') })
  await world.identity.authenticate(bearer)
  world.clock.advance(2_000)
  await assert.rejects(world.identity.authenticate(bearer), refused(/expired/))
})

void test('a revoked key is refused at once on this instance and within 5 seconds on others', async () => {
  await using world = await openWorld()
  const { id, bearer } = await makeKey(world)
  const other = world.other()
  await Promise.all([world.identity.authenticate(bearer), other.authenticate(bearer)])
  await world.write((tx) => world.identity.revokeKey(tx, { keyId: id }, actor))
  await assert.rejects(world.identity.authenticate(bearer), refused(/revoked/))
  await other.authenticate(bearer)
  world.clock.advance(5_001)
  await assert.rejects(other.authenticate(bearer), refused(/revoked/))
})

void test('a rolled-back change revokes nothing', async () => {
  await using world = await openWorld()
  const { id, bearer } = await makeKey(world)
  const failing = world.write(async (tx) => {
    await world.identity.revokeKey(tx, { keyId: id }, actor)
    throw new Error('no')
  })
  await assert.rejects(failing, /no/)
  await world.identity.authenticate(bearer)
})

void test('rotation: both keys work until the overlap ends, then only the new one, with the same scopes', async () => {
  await using world = await openWorld()
  const old = await makeKey(world, { scopes: ['payouts:write'] })
  const made = await world.write((tx) => world.identity.rotateKey(tx, { keyId: old.id, overlapMs: 60_000 }, actor))
  const caller = await world.identity.authenticate(`Bearer ${made.secret}`)
  assert.deepEqual([...caller.scopes], ['payouts:write'])
  await world.identity.authenticate(old.bearer)
  world.clock.advance(60_000)
  await assert.rejects(world.identity.authenticate(old.bearer), refused(/expired/))
  await world.identity.authenticate(`Bearer ${made.secret}`)
  await assert.rejects(
    world.write((tx) => world.identity.rotateKey(tx, { keyId: old.id, overlapMs: 0 }, actor)),
    { code: 'identity.key-not-active', status: 409 },
  )
})

void test('concurrent rotations of one key: one succeeds', async () => {
  await using world = await openWorld()
  const { id } = await makeKey(world)
  const results = await Promise.allSettled(
    [1, 2, 3, 4].map(() => world.write((tx) => world.identity.rotateKey(tx, { keyId: id, overlapMs: 1_000 }, actor))),
  )
  assert.equal(results.filter((one) => one.status === 'fulfilled').length, 1)
})

void test('keys still work after a new pepper version', async () => {
  await using world = await openWorld()
  const { bearer } = await makeKey(world)
  const later = world.other(2)
  await later.authenticate(bearer)
  const { id } = await later.authenticate(bearer).then((caller) => ({ id: caller.keyId }))
  const made = await world.write((tx) => later.rotateKey(tx, { keyId: id, overlapMs: 0 }, actor))
  await later.authenticate(`Bearer ${made.secret}`)
  await assert.rejects(world.identity.authenticate(`Bearer ${made.secret}`), refused(/not valid/))
})

void test('times of last use are written in batches and on close', async () => {
  await using world = await openWorld()
  const { bearer, merchant } = await makeKey(world)
  await world.identity.authenticate(bearer)
  world.clock.advance(1_000)
  await world.identity.authenticate(bearer)
  await world.identity.close()
  const { items } = await world.identity.listKeys(world.database.db, { limit: 10, merchantId: merchant.id })
  assert.deepEqual(items[0]?.lastUsedAt, new Date('2026-01-15T09:00:01Z'))
})

void test('concurrent requests with one key share a database read, also for unknown keys', async () => {
  await using world = await openWorld()
  const { bearer } = await makeKey(world)
  const { database, clock, masterKey } = world
  let asked = 0
  const counting = {
    ...database.db,
    maybe: <Row extends object>(statement: Sql): Promise<Row | undefined> => {
      asked++
      return database.db.maybe<Row>(statement)
    },
  }
  const identity = createIdentity({
    db: counting,
    mode: 'sandbox',
    masterKey,
    clock,
    ids: createIds(clock),
    log: silentLog,
  })
  await Promise.all(Array.from({ length: 50 }, () => identity.authenticate(bearer)))
  assert.equal(asked, 1)
  for (let i = 0; i < 5; i++) await assert.rejects(identity.authenticate('Bearer sk_test_madeup'))
  assert.equal(asked, 2)
  await identity.close()
})

void test('return origins match exactly, need https in live mode, and apply at once', async () => {
  await using world = await openWorld()
  const { identity, database } = world
  const { merchant } = await makeKey(world)
  const add = (origin: string): Promise<string> =>
    world.write((tx) => identity.addReturnOrigin(tx, { merchantId: merchant.id, origin }, actor))
  await identity.requireMerchant(database.db, merchant.id)
  assert.equal(await add('https://Shop.Example:443/'), 'https://shop.example')
  assert.equal(await add('http://localhost:8080'), 'http://localhost:8080')
  await add('http://localhost:8080')
  const { returnOrigins } = await identity.requireMerchant(database.db, merchant.id)
  assert.deepEqual(returnOrigins, ['http://localhost:8080', 'https://shop.example'])
  for (const bad of [
    'shop.example',
    'ftp://a.example',
    'https://a.example/path',
    'https://u:p@a.example',
    'https://*.a.example',
    'javascript:1',
  ]) {
    await assert.rejects(add(bad), { code: 'identity.bad-origin', status: 422 }, bad)
  }
  const remove = { merchantId: merchant.id, origin: 'http://localhost:8080' }
  await world.write((tx) => identity.removeReturnOrigin(tx, remove, actor))
  await assert.rejects(
    world.write((tx) => identity.removeReturnOrigin(tx, remove, actor)),
    { status: 404 },
  )
  await using live = await openWorld('live')
  const shop = await makeKey(live)
  const origin = 'http://shop.example'
  await assert.rejects(
    live.write((tx) => live.identity.addReturnOrigin(tx, { merchantId: shop.merchant.id, origin }, actor)),
    /live mode/,
  )
})

void test('findMerchant returns undefined for an unknown or malformed id, requireMerchant throws 404', async () => {
  await using world = await openWorld()
  const { db } = world.database
  assert.equal(await world.identity.findMerchant(db, "mer_' or 1=1"), undefined)
  await assert.rejects(world.identity.requireMerchant(db, 'mer_01kd3v4x5yabcdefghjkmnpqrs'), { status: 404 })
})

void test('concurrent starts create one sandbox merchant, and its key follows the setting', async () => {
  await using world = await openWorld()
  const ensure = (secret: string) => world.write((tx) => world.identity.ensureSandboxMerchant(tx, { secret }))
  const made = await Promise.all([1, 2, 3].map(() => ensure('sk_test_one')))
  assert.equal(new Set(made.map((one) => one.id)).size, 1)
  assert.equal((await world.identity.authenticate('Bearer sk_test_one')).merchantId, made[0]?.id)
  await ensure('sk_test_two')
  await assert.rejects(world.identity.authenticate('Bearer sk_test_one'), refused(/revoked/))
  await ensure('sk_test_one')
  await world.identity.authenticate('Bearer sk_test_one')
  await assert.rejects(world.identity.authenticate('Bearer sk_test_two'), refused(/revoked/))
})

void test('the last owner cannot be disabled, even by concurrent calls', async () => {
  await using world = await openWorld()
  const { identity } = world
  const create = (email: string) =>
    world.write((tx) => identity.createOperator(tx, { email, name: 'O', role: 'owner' }, actor))
  const disable = (email: string) => world.write((tx) => identity.disableOperator(tx, { email }, actor))
  await create('Ada@example.com')
  await create('bob@example.com')
  await assert.rejects(create('ada@example.com'), { code: 'identity.operator-exists', status: 409 })
  await assert.rejects(create('nobody'), { status: 422 })
  const results = await Promise.allSettled([disable('ada@example.com'), disable('bob@example.com')])
  assert.deepEqual(results.map((one) => one.status).toSorted(), ['fulfilled', 'rejected'])
  const { items } = await identity.listOperators(world.database.db, { limit: 9 })
  assert.equal(items.filter((one) => one.disabledAt === undefined).length, 1)
})

void test('each change is audited in its transaction, and pages list the newest first', async () => {
  await using world = await openWorld()
  const { identity, database } = world
  const { id, merchant } = await makeKey(world)
  await world.write((tx) => identity.revokeKey(tx, { keyId: id }, actor))
  await world.write((tx) => identity.revokeKey(tx, { keyId: id }, actor))
  const first = await identity.audit.list(database.db, { limit: 2 })
  assert.deepEqual(
    first.items.map((row) => row.action),
    ['identity.key-revoked', 'identity.key-created'],
  )
  const rest = await identity.audit.list(database.db, { limit: 2, cursor: first.nextCursor })
  assert.deepEqual(
    rest.items.map((row) => [row.action, row.target, row.actor.id]),
    [['identity.merchant-created', merchant.id, 'ada']],
  )
  assert.equal(rest.nextCursor, undefined)
  assert.equal((await identity.audit.list(database.db, { limit: 9, target: id })).items.length, 2)
})

void test('audit rows cannot be changed, and the program cannot change the identity of a key', async () => {
  await using world = await openWorld()
  await makeKey(world)
  const changes = ["update identity.audit set action = 'x'", 'delete from identity.audit', 'truncate identity.audit']
  for (const change of changes) {
    await assert.rejects(world.database.db.run(rawSql(change)), /permission denied/)
    await assert.rejects(world.database.owner.run(rawSql(change)), /only grows/)
  }
  for (const column of ['hash', 'merchant_id', 'scopes', 'livemode']) {
    await assert.rejects(
      world.database.db.run(rawSql(`update identity.keys set ${column} = ${column}`)),
      /permission denied/,
    )
  }
})

void test('times of last use are also written before close', async () => {
  await using world = await openWorld()
  const { id } = await makeKey(world)
  const { database, clock } = world
  const keyUsage = createKeyUsage({ db: database.db, clock, log: silentLog }, 1)
  keyUsage.mark(id)
  await waitFor('the time of last use', async () => {
    const { items } = await world.identity.listKeys(database.db, { limit: 1 })
    return items[0]?.lastUsedAt !== undefined
  })
  await keyUsage.close()
})
