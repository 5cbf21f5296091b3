import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Command } from 'commander'
import { z } from 'zod'
import { openTestDatabase } from '../../../../test/database.ts'
import { createSetClock } from '../../base/clock.ts'
import { defineConfig, loadConfig, setting } from '../../environment/config.ts'
import { createIds } from '../../base/ids.ts'
import { silentLog } from '../../observe/log.ts'
import { createMasterKey } from '../../environment/masterkey.ts'
import { platformSchema } from '../../database/schema.ts'
import { addSettingCommands } from './commands.ts'

const shop = defineConfig('shop', {
  key: setting('SHOP_KEY', z.string().optional(), { doc: 'Key.', secret: true, runtime: true }),
  limit: setting('SHOP_LIMIT', z.coerce.number('a number').default(5), { doc: 'How many.', runtime: true }),
})
const clock = createSetClock()
const masterKey = createMasterKey([{ version: 1, key: randomBytes(32) }])
const base = { mode: 'sandbox', masterKey, clock, ids: createIds(clock), log: silentLog } as const

void test('the CLI reads a secret from standard input and never prints it', async () => {
  await using database = await openTestDatabase([platformSchema])
  const { specs, given } = loadConfig([shop], { env: {} })
  const purser = async (...words: string[]): Promise<string> => {
    const printed: string[] = []
    const program = new Command('purser').exitOverride().configureOutput({ writeErr: () => {} })
    const print = (what: unknown): void => void printed.push(typeof what === 'string' ? what : JSON.stringify(what))
    const actor = { type: 'cli', id: 'ada' } as const
    const record = () => Promise.resolve()
    const open = () => Promise.resolve({ ...base, db: database.db, actor, record, print, note: print })
    addSettingCommands(program.command('setting'), open, {
      specs: () => Promise.resolve(specs),
      given: () => Promise.resolve(given),
      readInput: () => Promise.resolve('canary-secret\n'),
    })
    await program.parseAsync(['setting', ...words], { from: 'user' })
    return printed.join('\n')
  }
  assert.equal(await purser('set', 'SHOP_KEY'), 'Set SHOP_KEY.')
  assert.equal(await purser('set', 'SHOP_LIMIT', '7'), 'Set SHOP_LIMIT.')
  const listed = await purser('list')
  assert.match(listed, /"SHOP_KEY","value":"\[secret\]","source":"stored"/)
  assert.match(listed, /"SHOP_LIMIT","value":"7"/)
  assert.match(await purser('history'), /"name":"SHOP_LIMIT","change":"set".*"actor":"cli:ada"/)
  assert.equal((await purser('list', '--json')).includes('canary'), false)
  assert.equal(await purser('clear', 'SHOP_LIMIT'), 'Cleared SHOP_LIMIT.')
  assert.match(await purser('list'), /"SHOP_LIMIT","value":"5","source":"default"/)
  await assert.rejects(purser('set', 'SHOP_LIMIT', 'many'), { code: 'platform.bad-setting' })
})
