import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { identitySchema } from '#identity'
import { createIds } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { createMasterKey } from '#platform/environment/masterkey'
import { platformSchema } from '#platform/database/schema'
import { openTestDatabase } from '../../test/database.ts'
import { openReceiver } from '../../test/receiver.ts'
import { webhooksCommands } from './commands.ts'
import { DAY_MS, MERCHANT, openTestWebhooks } from './fixture.ts'
import { webhooksSchema } from './schema.ts'

void test('an operator lists, tests, shows and redelivers webhooks', async () => {
  await using database = await openTestDatabase([platformSchema, identitySchema, webhooksSchema])
  await using trial = openTestWebhooks(database)
  await using receiver = await openReceiver()
  const recorded: string[] = []
  const purser = async (...words: string[]): Promise<string> => {
    const printed: string[] = []
    const program = new Command('purser')
      .exitOverride()
      .configureOutput({ writeErr: (text) => void printed.push(text) })
    webhooksCommands(program, () =>
      Promise.resolve({
        db: database.db,
        clock: trial.clock,
        ids: createIds(trial.clock),
        actor: { type: 'cli', id: 'ada' },
        mode: 'sandbox',
        masterKey: createMasterKey([{ version: 1, key: Buffer.alloc(32, 7) }]),
        log: silentLog,
        record: (_, { action }) => Promise.resolve(void recorded.push(action)),
        print: (what) => void printed.push(typeof what === 'string' ? what : JSON.stringify(what)),
        note: (line) => void printed.push(line),
      }),
    )
    await program
      .parseAsync(['webhook', ...words], { from: 'user' })
      .catch((error: unknown) => printed.push(String(error)))
    return printed.join('\n')
  }
  const { key } = await trial.subscribe(`${receiver.url}/hooks?token=secret`)
  const list = await purser('list', MERCHANT)
  assert.ok(list.includes(key.id) && !list.includes('secret'), list)
  assert.match(await purser('list', 'mer_none'), /None/)

  const delivery = /del_\w+/.exec(await purser('test', key.id))?.[0] ?? ''
  await trial.advance(0)
  assert.deepEqual(receiver.types(), ['webhook.test'])
  assert.match(await purser('deliveries', key.id), new RegExp(`${delivery}.*succeeded`))
  assert.match(await purser('show', delivery), /thank you/)
  assert.match(await purser('redeliver', delivery), /is sent again/)
  await trial.advance(0)
  assert.deepEqual(receiver.types(), ['webhook.test', 'webhook.test'])

  const from = trial.clock.now().toISOString()
  await trial.publish('pay_1')
  await trial.advance(0)
  const to = new Date(trial.clock.now().getTime() + DAY_MS).toISOString()
  const range = ['redeliver-range', key.id, '--from', from, '--to', to]
  assert.match(await purser(...range), /^0 deliveries/, 'nothing failed')
  assert.match(await purser(...range, '--status', 'succeeded'), /^[1-3] deliveries/)
  assert.match(await purser('test', 'we_none'), /no webhook endpoint/i)
  assert.match(await purser('show', 'del_none'), /no delivery/i)
  assert.match(await purser('redeliver-range', key.id, '--from', 'yesterday', '--to', to), /2026-01-15T00:00:00Z/)
  assert.deepEqual([...new Set(recorded)].toSorted(), [
    'webhooks.range-redelivered',
    'webhooks.redelivered',
    'webhooks.test-sent',
  ])
})
