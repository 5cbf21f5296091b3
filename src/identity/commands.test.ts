import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Command } from 'commander'
import { openTestDatabase, type TestDatabase } from '../../test/database.ts'
import { createSetClock } from '#platform/base/clock'
import { createIds } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { createMasterKey } from '#platform/environment/masterkey'
import { createIdentity, identitySchema, type AuditRow, type Merchant } from './index.ts'
import { identityCommands } from './commands.ts'

const masterKey = createMasterKey([{ version: 1, key: randomBytes(32) }])
const clock = createSetClock()
const base = { mode: 'sandbox', masterKey, clock, ids: createIds(clock), log: silentLog } as const

/** Runs `npx purser <words>` and returns its output. */
async function purser(database: TestDatabase, ...words: string[]): Promise<string> {
  const printed: string[] = []
  const program = new Command('purser').exitOverride().configureOutput({ writeErr: (text) => void printed.push(text) })
  identityCommands(program, () =>
    Promise.resolve({
      ...base,
      db: database.db,
      actor: { type: 'cli', id: 'ada' },
      record: () => Promise.resolve(),
      print: (what) => void printed.push(typeof what === 'string' ? what : JSON.stringify(what)),
      note: (line) => void printed.push(line),
    }),
  )
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    printed.push(String(error))
  }
  return printed.join('\n')
}

void test('CLI: merchants, keys and the audit log', async () => {
  await using database = await openTestDatabase([identitySchema])
  const merchant = await purser(database, 'merchant', 'create', 'Duka la Ada', '--locale', 'sw')
  assert.match(merchant, /^mer_\w{26}$/)
  assert.equal(
    await purser(database, 'merchant', 'origins', 'add', merchant, 'https://duka.example/'),
    'https://duka.example',
  )
  const shown = JSON.parse(await purser(database, 'merchant', 'show', merchant)) as Merchant
  assert.deepEqual([shown.name, shown.locale, shown.returnOrigins], ['Duka la Ada', 'sw', ['https://duka.example']])
  assert.match(await purser(database, 'merchant', 'list'), /Duka la Ada/)

  const [secret = '', note = ''] = (await purser(database, 'key', 'create', merchant, '--expires', '90d')).split('\n')
  const id = /key_\w{26}/.exec(note)?.[0] ?? ''
  const { authenticate } = createIdentity({ ...base, db: database.db })
  assert.equal((await authenticate(`Bearer ${secret}`)).keyId, id)
  assert.match(await purser(database, 'key', 'list', merchant), /2026-04-15 09:00:00/)
  assert.match(await purser(database, 'key', 'rotate', id, '--overlap', '1h'), /^sk_test_/)
  assert.equal(await purser(database, 'key', 'revoke', id), `Revoked ${id}.`)

  const { items } = JSON.parse(await purser(database, 'audit', 'list', '--json', '--limit', '2')) as {
    items: AuditRow[]
  }
  assert.deepEqual(
    items.map((row) => [row.action, row.actor]),
    [
      ['identity.key-revoked', { type: 'cli', id: 'ada' }],
      ['identity.key-rotated', { type: 'cli', id: 'ada' }],
    ],
  )
  assert.match(await purser(database, 'audit', 'list', '--limit', '1'), /More: --cursor \d+/)
})

void test('CLI: operators', async () => {
  await using database = await openTestDatabase([identitySchema])
  assert.match(
    await purser(database, 'operator', 'create', 'ada@example.com', '--name', 'Ada', '--role', 'owner'),
    /^opr_/,
  )
  assert.match(await purser(database, 'operator', 'disable', 'ada@example.com'), /only owner left/)
  assert.match(await purser(database, 'operator', 'list'), /ada@example\.com/)
})

void test('CLI: bad input gets advice', async () => {
  await using database = await openTestDatabase([identitySchema])
  const unknown = 'mer_01kd3v4x5yabcdefghjkmnpqrs'
  assert.match(await purser(database, 'merchant', 'show', unknown), /no merchant .*purser merchant list/)
  assert.match(await purser(database, 'key', 'create', unknown), /no merchant/)
  assert.match(
    await purser(database, 'key', 'create', unknown, '--scopes', 'all'),
    /all is not a scope\. Scopes: payments:read/,
  )
  assert.match(await purser(database, 'key', 'create', unknown, '--expires', 'soon'), /30m, 24h or 90d/)
  assert.match(await purser(database, 'merchant', 'list', '--limit', '0'), /1 to 500/)
  assert.match(await purser(database, 'merchant', 'create', ' '), /1 to 100 characters/)
})

void test('CLI: stores, members and brands', async () => {
  await using database = await openTestDatabase([identitySchema])
  const merchant = await purser(database, 'merchant', 'create', 'Duka')
  const look = await purser(database, 'merchant', 'set', merchant, '--colour', '0B6B4F', '--locale', 'sw')
  assert.match(look, /"colour": "#0b6b4f"/)
  assert.match(await purser(database, 'merchant', 'set', merchant, '--logo', '/nowhere.png'), /cannot be read/)
  const store = await purser(database, 'store', 'create', merchant, '--name', 'Mombasa', '--methods', 'card,mpesa')
  assert.match(store, /^sto_\w{26}$/)
  assert.match(
    await purser(database, 'store', 'set', store, '--origins', 'https://a.example/x'),
    /leave out what follows/,
  )
  assert.match(await purser(database, 'store', 'set', store, '--methods', 'none'), /"methods": \[\]/)
  assert.match(await purser(database, 'key', 'create', merchant, '--store', store), /^sk_test_/)
  assert.equal(await purser(database, 'store', 'archive', store), `Archived ${store}.`)
  assert.match(await purser(database, 'store', 'list', merchant), /Mombasa/)
  assert.match(await purser(database, 'store', 'show', store), /"archivedAt": "2026/)
  assert.match(await purser(database, 'store', 'show', 'sto_nothing'), /no store/)
  await purser(database, 'operator', 'create', 'ada@example.com', '--name', 'Ada', '--role', 'member')
  await purser(database, 'merchant', 'members', 'add', merchant, 'ada@example.com', '--role', 'admin')
  assert.match(await purser(database, 'merchant', 'members', 'list', merchant), /ada@example\.com.*admin/)
})
