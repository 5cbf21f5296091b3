import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { z } from 'zod'
import { openTestDatabase, type TestDatabase } from '../../../test/database.ts'
import { waitFor } from '../../../test/wait.ts'
import { createSetClock } from '../base/clock.ts'
import { defineConfig, loadConfig, setting } from '../environment/config.ts'
import { sql } from '../database/db.ts'
import { createMemoryLog, silentLog } from '../observe/log.ts'
import { createMasterKey } from '../environment/masterkey.ts'
import type { Actor } from './module.ts'
import { platformSchema } from '../database/schema.ts'
import { Secret } from '../base/secrets.ts'
import { openSettings, type Settings } from './settings.ts'

const shop = defineConfig(
  'shop',
  {
    key: setting('SHOP_KEY', z.string().min(4, 'at least 4 characters').optional(), {
      doc: 'Key.',
      secret: true,
      runtime: true,
    }),
    limit: setting('SHOP_LIMIT', z.coerce.number('a number').int().default(5), { doc: 'How many.', runtime: true }),
    port: setting('SHOP_PORT', z.coerce.number().default(1), { doc: 'Port.' }),
  },
  { problems: (values) => (values.limit > 9 && !values.key ? ['SHOP_LIMIT is over 9 without SHOP_KEY'] : []) },
)
const masterKey = createMasterKey([{ version: 1, key: randomBytes(32) }])
const actor: Actor = { type: 'cli', id: 'ada' }

const open = (database: TestDatabase, env: Record<string, string> = {}, log = silentLog): Promise<Settings> => {
  const { given, specs } = loadConfig([shop], { env })
  return openSettings({ db: database.db, specs, given, mode: 'sandbox', masterKey, clock: createSetClock(), log })
}

const change = (database: TestDatabase, settings: Settings, name: string, text: string): Promise<void> =>
  database.db.transaction((tx) => settings.set(tx, name, new Secret(text), actor))

void test('a runtime setting is effective at once, sealed in the database, and visible to other instances', async () => {
  await using database = await openTestDatabase([platformSchema])
  const [one, two] = [await open(database), await open(database)]
  const [here, there] = [one.view(shop), two.view(shop)]
  assert.deepEqual([here().key, here().limit], [undefined, 5])
  const following = new AbortController()
  const followed = two.follow(following.signal)
  await change(database, one, 'SHOP_KEY', 'canary-key')
  await waitFor('the setting on both', () => here().key !== undefined && there().key !== undefined)
  assert.equal(there().key?.reveal(), 'canary-key')
  following.abort()
  await followed
  const rows = await database.owner.many(sql`select * from platform.settings, platform.settings_history`)
  assert.equal(
    inspect([rows, one.list(), await one.history(database.db, { limit: 9 })], { depth: 9 }).includes('canary-key'),
    false,
  )
  assert.deepEqual(one.list()[0], {
    name: 'SHOP_KEY',
    module: 'shop',
    doc: 'Key.',
    value: '[secret]',
    source: 'stored',
    default: '',
    locked: false,
    secret: true,
    setAt: new Date('2026-01-15T09:00:00Z'),
    actor,
  })
})

void test('a setting of the environment is shown as locked and cannot be overridden', async () => {
  await using database = await openTestDatabase([platformSchema])
  const free = await open(database)
  await change(database, free, 'SHOP_LIMIT', '7')
  const locked = await open(database, { SHOP_LIMIT: '3' })
  assert.equal(locked.view(shop)().limit, 3)
  const row = locked.list().find((one) => one.name === 'SHOP_LIMIT')
  assert.deepEqual([row?.locked, row?.source, row?.value], [true, 'environment', '3'])
  await assert.rejects(change(database, locked, 'SHOP_LIMIT', '8'), { code: 'platform.setting-locked', status: 409 })
})

void test('invalid, unknown, start-only and contradictory settings are refused and not stored', async () => {
  await using database = await openTestDatabase([platformSchema])
  const settings = await open(database)
  await assert.rejects(change(database, settings, 'SHOP_KEY', 'abc'), {
    code: 'platform.bad-setting',
    message: /at least 4/,
  })
  await assert.rejects(change(database, settings, 'SHOP_LIMIT', '10'), {
    code: 'platform.bad-setting',
    message: /without SHOP_KEY/,
  })
  await assert.rejects(change(database, settings, 'SHOP_KEYS', 'abcd'), { code: 'platform.unknown-setting' })
  await assert.rejects(change(database, settings, 'SHOP_PORT', '2'), {
    code: 'platform.unknown-setting',
    message: /environment/,
  })
  assert.deepEqual(await settings.history(database.db, { limit: 9 }), [])
})

void test('one of two concurrent contradictory changes is refused', async () => {
  await using database = await openTestDatabase([platformSchema])
  const settings = await open(database)
  await change(database, settings, 'SHOP_KEY', 'abcd')
  const results = await Promise.allSettled([
    change(database, settings, 'SHOP_LIMIT', '10'),
    database.db.transaction((tx) => settings.clear(tx, 'SHOP_KEY', actor)),
  ])
  assert.deepEqual(results.map((one) => one.status).toSorted(), ['fulfilled', 'rejected'])
})

void test('the history lists authors and times, newest first, in pages', async () => {
  await using database = await openTestDatabase([platformSchema])
  const settings = await open(database)
  await change(database, settings, 'SHOP_LIMIT', '7')
  await change(database, settings, 'SHOP_LIMIT', '8')
  await database.db.transaction((tx) => settings.clear(tx, 'SHOP_LIMIT', actor))
  const rows = await settings.history(database.db, { name: 'SHOP_LIMIT', limit: 2 })
  assert.deepEqual(
    rows.map((row) => [row.change, row.actor.id]),
    [
      ['cleared', 'ada'],
      ['set', 'ada'],
    ],
  )
  const rest = await settings.history(database.db, { limit: 2, before: rows[1]?.version ?? 0n })
  assert.equal(rest.length, 1)
  await settings.refresh()
  assert.equal(settings.view(shop)().limit, 5)
})

void test('a stored value that is no longer valid is logged and ignored', async () => {
  await using database = await openTestDatabase([platformSchema])
  const settings = await open(database)
  await change(database, settings, 'SHOP_LIMIT', '7')
  await database.owner.run(sql`update platform.settings set sealed = ${masterKey.seal('many', 'setting:SHOP_LIMIT')}`)
  const log = createMemoryLog()
  const later = await open(database, {}, log)
  assert.equal(later.view(shop)().limit, 5)
  assert.match(JSON.stringify(log.entries), /SHOP_LIMIT=many is not valid/)
})

void test('the running program cannot change the history', async () => {
  await using database = await openTestDatabase([platformSchema])
  await assert.rejects(database.db.run(sql`delete from platform.settings_history`), /permission denied/)
})
