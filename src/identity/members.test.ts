import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openTestDatabase } from '../../test/database.ts'
import { createSetClock } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { createIds } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { createMasterKey } from '#platform/environment/masterkey'
import type { Actor } from '#platform/runtime/module'
import { createIdentity, identitySchema } from './index.ts'

const actor: Actor = { type: 'cli', id: 'ada' }

async function openWorld() {
  const database = await openTestDatabase([identitySchema])
  const clock = createSetClock()
  const masterKey = createMasterKey([{ version: 1, key: randomBytes(32) }])
  const deps = { db: database.db, mode: 'sandbox', masterKey, clock, ids: createIds(clock), log: silentLog } as const
  return {
    database,
    identity: createIdentity(deps),
    write: <T>(act: (tx: Tx) => Promise<T>): Promise<T> => database.db.transaction(act),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

void test('an operator has the higher of its role for the installation and its role at a merchant', async () => {
  await using world = await openWorld()
  const { identity, write, database } = world
  const [mine, other] = await write(async (tx) => [
    await identity.createMerchant(tx, { name: 'Mine' }, actor),
    await identity.createMerchant(tx, { name: 'Other' }, actor),
  ])
  assert.ok(mine && other)
  const made = (email: string, role: 'viewer' | 'member') =>
    write((tx) => identity.createOperator(tx, { email, name: 'Ada', role }, actor))
  const member = await made('member@example.com', 'member')
  const viewer = await made('viewer@example.com', 'viewer')
  const at = (operatorId: string, merchantId: string) =>
    identity.findEffectiveRole(database.db, { operatorId, merchantId })
  assert.deepEqual([await at(member.id, mine.id), await at(viewer.id, mine.id)], [undefined, 'viewer'])

  const add = (email: string, role: 'support' | 'admin') =>
    write((tx) => identity.addMember(tx, { merchantId: mine.id, email, role }, actor))
  await add('Member@example.com', 'support')
  await add('viewer@example.com', 'support')
  await add('viewer@example.com', 'admin')
  assert.deepEqual([await at(member.id, mine.id), await at(viewer.id, mine.id)], ['support', 'admin'])
  assert.deepEqual([await at(member.id, other.id), await at(viewer.id, other.id)], [undefined, 'viewer'])
  const members = await identity.listMembers(database.db, mine.id)
  assert.deepEqual(
    members.map(({ email, role }) => [email, role]),
    [
      ['member@example.com', 'support'],
      ['viewer@example.com', 'admin'],
    ],
  )
  await write((tx) => identity.disableOperator(tx, { email: 'member@example.com' }, actor))
  assert.equal(await at(member.id, mine.id), undefined, 'a disabled operator has no rights')
  await assert.rejects(add('member@example.com', 'admin'), { code: 'identity.unknown-operator' })
  await write((tx) => identity.removeMember(tx, { merchantId: mine.id, email: 'viewer@example.com' }, actor))
  assert.equal(await at(viewer.id, mine.id), 'viewer')
  const audit = await identity.audit.list(database.db, { limit: 10, target: mine.id })
  assert.deepEqual(
    audit.items.map(({ action }) => action),
    [
      'identity.member-removed',
      'identity.member-set',
      'identity.member-set',
      'identity.member-set',
      'identity.merchant-created',
    ],
  )
})

void test('a key can be created only for a store of its own merchant', async () => {
  await using world = await openWorld()
  const { identity, write } = world
  const [mine, other] = await write(async (tx) => [
    await identity.createMerchant(tx, { name: 'Mine' }, actor),
    await identity.createMerchant(tx, { name: 'Other' }, actor),
  ])
  assert.ok(mine && other)
  const store = await write((tx) => identity.createStore(tx, { merchantId: mine.id, name: 'Town' }, actor))
  const key = (merchantId: string) =>
    write((tx) => identity.createKey(tx, { merchantId, storeId: store.id, name: 'till' }, actor))
  await assert.rejects(key(other.id), { code: 'identity.unknown-store' })
  const { secret, id } = await key(mine.id)
  assert.equal((await identity.authenticate(`Bearer ${secret}`)).storeId, store.id)
  const next = await write((tx) => identity.rotateKey(tx, { keyId: id, overlapMs: 0 }, actor))
  assert.equal(
    (await identity.authenticate(`Bearer ${next.secret}`)).storeId,
    store.id,
    'the rotated key keeps the store',
  )
})
