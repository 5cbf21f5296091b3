import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { Command } from 'commander'
import { openWorld } from '../../test/world.ts'
import { createIds } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { createMasterKey } from '#platform/environment/masterkey'
import type { CliContext } from '#platform/runtime/module'
import { gatewayCommands } from './commands.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const { clock, merchantId } = world
const { db, identity } = world.app
const base = {
  db,
  mode: 'sandbox',
  masterKey: createMasterKey([{ version: 1, key: randomBytes(32) }]),
  clock,
  ids: createIds(clock),
  log: silentLog,
} as const
const actor = { type: 'cli', id: 'ada' } as const

/** Runs `purser <words>` and returns what it printed. */
async function purser(...words: string[]): Promise<string> {
  const printed: string[] = []
  const print = (what: unknown): void => void printed.push(typeof what === 'string' ? what : JSON.stringify(what))
  const program = new Command('purser').exitOverride().configureOutput({ writeErr: print })
  const record: CliContext['record'] = (tx, entry) => identity.audit.record(tx, { actor, ...entry })
  const open = () => Promise.resolve({ ...base, actor, record, print, note: print })
  gatewayCommands(program, open, () => Promise.resolve(world.app))
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    printed.push(String(error))
  }
  return printed.join('\n')
}

void test('a link created in the shell equals the API’s, and is in the audit log', async () => {
  const made = await purser(
    'link',
    'create',
    merchantId,
    '--currency',
    'KES',
    '--amount',
    '1500',
    '--description',
    'Two mugs',
  )
  const [id = '', url = ''] = made.split('\n')
  assert.equal(url, `${world.url}/l/${id}`)
  assert.equal((await fetch(url)).status, 200)
  const shown = JSON.parse(await purser('link', 'show', id)) as unknown
  assert.deepEqual((await world.api('GET', `/api/v1/payment-links/${id}`)).body, shown)
  assert.match(await purser('link', 'list', merchantId), /KES 1500\.00.*Two mugs/)

  assert.equal(await purser('link', 'archive', id), `Archived ${id}.`)
  assert.match(await purser('link', 'show', id), /"archived": true/)
  assert.doesNotMatch(await purser('link', 'list', merchantId), /Two mugs/)
  assert.match(await purser('link', 'list', merchantId, '--archived'), /Two mugs/)
  assert.equal(await purser('link', 'restore', id), `Restored ${id}.`)
  const { items } = await identity.audit.list(db, { limit: 10, target: id })
  assert.deepEqual(
    items.map((row) => [row.action, row.actor]),
    ['restored', 'archived', 'created'].map((word) => [`gateway.link-${word}`, actor]),
  )
})

void test('links with an amount range, listed by page and by store', async () => {
  const store = await db.transaction((tx) => identity.createStore(tx, { merchantId, name: 'Mombasa' }, actor))
  const of = ['--store', store.id]
  const words = ['link', 'create', merchantId, '--currency', 'KES', '--min-amount', '100', ...of, '--json']
  const made = JSON.parse(await purser(...words, '--methods', 'card, mpesa', '--single-use')) as Record<string, unknown>
  assert.deepEqual([made['min_amount'], made['methods'], made['single_use']], ['100.00', ['card', 'mpesa'], true])
  await purser('link', 'create', merchantId, '--currency', 'KES', ...of)
  const first = await purser('link', 'list', merchantId, ...of, '--limit', '1')
  const cursor = /More: --cursor (lnk_\w+)/.exec(first)?.[1] ?? ''
  assert.match(first, /KES any/)
  assert.match(await purser('link', 'list', merchantId, ...of, '--cursor', cursor), /KES 100\.00–/)
})

void test('an invalid option is refused by its name', async () => {
  const create = (...words: string[]): Promise<string> =>
    purser('link', 'create', merchantId, '--currency', 'KES', ...words)
  assert.match(await create('--return-url', 'shop'), /--return-url must be a URL/)
  assert.match(await create('--expires-at', 'soon'), /--expires-at must be a time/)
  assert.match(await create('--amount', '-1'), /amount must be a positive/)
  assert.match(await create('--methods', 'barter'), /"barter" is unknown/)
  assert.match(await create('--store', 'sto_nothing'), /no store/)
  assert.match(await purser('link', 'create', 'mer_nothing', '--currency', 'KES'), /no merchant/)
  assert.match(await purser('link', 'archive', 'lnk_nothing'), /no payment link/)
  assert.match(await purser('link', 'list', merchantId, '--limit', '0'), /from 1 to 100/)
  assert.match(await purser('link', 'list', 'mer_nothing'), /no merchant/)
})
