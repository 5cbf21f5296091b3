import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createSetClock } from '#platform/base/clock'
import { openDb, rawSql, sql, sqlState } from '#platform/database/db'
import { silentLog } from '#platform/observe/log'
import { openTestDatabase } from '../../test/database.ts'
import { inboxSchema } from './inbox.ts'
import { createSpool } from './spool.ts'
import type { SpooledEvent } from './spool-records.ts'
import { insertEvents } from './store.ts'

const clock = createSetClock()
const event = (eventKey: string): SpooledEvent => ({
  ...{ rail: 'mpesa', eventKey, raw: Buffer.from('{}'), tokenSubject: null, receivedAt: clock.now() },
})

/** A spool in front of a real database with a short statement time-out. */
async function openTrial(t: TestContext) {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await openTestDatabase([inboxSchema]))
  const db = openDb({ connection: database.connection, max: 2, statementTimeoutMs: 300 })
  stack.defer(() => db.close())
  const parent = mkdtempSync(join(tmpdir(), 'purser.spool-'))
  t.after(() => rmSync(parent, { recursive: true, force: true }))
  const folder = join(parent, 'spool')
  const states: (string | undefined)[] = []
  const insert = async (events: readonly SpooledEvent[]): Promise<void> => {
    try {
      await insertEvents(
        db,
        events.map((each) => ({ ...each, retryUntil: clock.now() })),
      )
    } catch (error) {
      states.push(sqlState(error))
      throw error
    }
  }
  const open = () => {
    const spool = createSpool({ folder, key: Buffer.alloc(32, 1), clock, log: silentLog, insert })
    stack.defer(() => spool.stop())
    return spool
  }
  const names = (): string[] => readdirSync(folder)
  const keys = async (): Promise<string[]> => {
    const rows = await database.owner.many<{ key: string }>(
      sql`select event_key as key from inbox.events order by event_key limit 100`,
    )
    return rows.map(({ key }) => key)
  }
  return { ...{ owner: database.owner, open, folder, names, keys, states }, dispose: () => stack.disposeAsync() }
}

void test('an error that can pass leaves the file for the next try, and nothing is set aside', async (t) => {
  const { owner, open, names, keys, states, dispose } = await openTrial(t)
  const spool = open()
  for (const key of ['a', 'b', 'c']) await spool.add(event(key))
  const failsWith = async (state: string): Promise<void> => {
    states.length = 0
    assert.equal(await spool.drain(), false)
    assert.deepEqual([...new Set(states)], [state])
    assert.match(names().join(), /^[\w-]+\.spool$/)
    assert.deepEqual([spool.state().events, spool.state().unreadableFiles], [3, 0])
  }
  const lock = await owner.openSession()
  await lock.run(rawSql('begin; lock table inbox.events in access exclusive mode'))
  await failsWith('57014')
  await lock.run(rawSql('rollback'))
  await lock.close()
  await owner.run(rawSql('revoke insert on inbox.events from purser_app'))
  await failsWith('42501')
  await owner.run(rawSql('grant insert on inbox.events to purser_app; alter table inbox.events rename to moved'))
  await failsWith('42P01')
  await owner.run(rawSql('alter table inbox.moved rename to events'))
  assert.equal(await spool.drain(), true)
  assert.deepEqual([await keys(), names()], [['a', 'b', 'c'], []])
  await dispose()
})

void test('a row that the database refuses is set aside, and stored once its file is renamed to .spool', async (t) => {
  const { owner, open, folder, names, keys, dispose } = await openTrial(t)
  await owner.run(rawSql(`alter table inbox.events add constraint short check (length(event_key) < 10)`))
  const spool = open()
  for (const key of ['a', 'refused for now', 'b']) await spool.add(event(key))
  assert.equal(await spool.drain(), true)
  assert.deepEqual([await keys(), spool.state().unreadableFiles], [['a', 'b'], 1])
  const [aside = ''] = names()
  assert.match(aside, /\.unreadable$/)
  await owner.run(rawSql('alter table inbox.events drop constraint short'))
  renameSync(join(folder, aside), join(folder, aside.replace('.unreadable', '.spool')))
  await spool.start()
  assert.deepEqual([await keys(), names(), spool.state().unreadableFiles], [['a', 'b', 'refused for now'], [], 0])
  await dispose()
})
