import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import { createSetClock } from '../base/clock.ts'
import { platformSchema } from '../database/schema.ts'
import { sql } from '../database/db.ts'
import { watchInvariants } from './invariants.ts'
import { createMemoryLog } from '../observe/log.ts'
import { createMetrics } from '../observe/metrics.ts'
import { checkInvariants } from '../process/commands/check.ts'
import type { Invariant } from './module.ts'

const MINUTE = 60_000

async function openWatch(invariants: readonly Invariant[]) {
  const database = await openTestDatabase([platformSchema])
  const [clock, log] = [createSetClock(), createMemoryLog()]
  /** Opens the watch of another instance, or of this one after a restart. */
  const openInstance = () => {
    const metrics = createMetrics({ defaults: false })
    const { cron, health } = watchInvariants({ db: database.db, clock, metrics, invariants })
    return {
      health,
      counted: () => metrics.registry.metrics(),
      run: () => cron.run({ log, signal: new AbortController().signal, now: clock.now() }),
    }
  }
  return {
    ...{ clock, log, database, openInstance, ...openInstance() },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

void test('a broken invariant is logged and counted, and degrades the health until it holds again', async () => {
  let problems = ['1 shilling is missing']
  await using t = await openWatch([{ name: 'test.money', check: () => Promise.resolve(problems) }])
  assert.equal((await t.health.check()).status, 'healthy')
  await t.run()
  assert.deepEqual(await t.health.check(), { status: 'degraded', detail: { broken: ['test.money'] } })
  assert.match(await t.counted(), /purser_invariants_broken\{invariant="test.money"\} 1/)
  const [broken] = t.log.entries
  assert.deepEqual([broken?.level, broken?.invariant, broken?.problems], ['error', 'test.money', problems])
  problems = []
  t.clock.advance(10 * MINUTE)
  await t.run()
  assert.equal((await t.health.check()).status, 'healthy')
  assert.match(await t.counted(), /purser_invariants_broken\{invariant="test.money"\} 0/)
})

void test('every instance reports the result, also after a restart, and none checks again before its time', async () => {
  let checks = 0
  const check = (): Promise<string[]> => Promise.resolve([`found by check ${++checks}`, 'and another'])
  await using t = await openWatch([{ name: 'test.money', check }])
  await t.run()
  const other = t.openInstance()
  assert.deepEqual(await other.health.check(), { status: 'degraded', detail: { broken: ['test.money'] } })
  assert.match(await other.counted(), /purser_invariants_broken\{invariant="test.money"\} 2/)
  t.clock.advance(9 * MINUTE)
  await other.run()
  assert.equal(checks, 1)
  t.clock.advance(MINUTE)
  await other.run()
  assert.equal(checks, 2)
  const stored = await t.database.db.one(sql`select result, problems, sentences from platform.invariant_results`)
  assert.deepEqual(stored, { result: 'broken', problems: 2, sentences: ['found by check 2', 'and another'] })
})

void test('an invariant that could not be checked degrades the health, and a broken one stays broken', async () => {
  let result: () => Promise<string[]> = () => Promise.resolve(['1 shilling is missing'])
  await using t = await openWatch([
    { name: 'test.broken', check: () => result() },
    { name: 'test.slow', check: () => Promise.reject(new Error('canceling statement due to statement timeout')) },
  ])
  await t.run()
  const [, unknown] = t.log.entries
  assert.deepEqual([unknown?.level, unknown?.invariant], ['error', 'test.slow'])
  assert.deepEqual((await t.health.check()).detail, { broken: ['test.broken'], unchecked: ['test.slow'] })
  result = () => Promise.reject(new Error('canceling statement due to statement timeout'))
  t.clock.advance(10 * MINUTE)
  await t.run()
  assert.deepEqual((await t.health.check()).detail, {
    broken: ['test.broken'],
    unchecked: ['test.broken', 'test.slow'],
  })
})

void test('a slow check runs less often, in one snapshot with a limit, and degrades the health when it is overdue', async () => {
  let checks = 0
  const check: Invariant['check'] = async (q) => {
    checks += 1
    const settings = await q.many<{ value: string }>(sql`select current_setting(name) as value
      from unnest(array['statement_timeout', 'transaction_isolation', 'transaction_read_only']) name`)
    t.clock.advance(2 * MINUTE)
    return settings.map(({ value }) => value)
  }
  await using t = await openWatch([{ name: 'test.large', check }])
  await t.run()
  const [timeout, ...settings] = (t.log.entries[0]?.problems ?? []) as string[]
  assert.match(timeout ?? '', /^29\d{4}ms$/)
  assert.deepEqual(settings, ['repeatable read', 'on'])
  t.clock.advance(90 * MINUTE)
  await t.run()
  assert.equal(checks, 1)
  t.clock.advance(10 * MINUTE)
  await t.run()
  assert.equal(checks, 2)
  t.clock.advance(10 * 60 * MINUTE)
  assert.deepEqual((await t.health.check()).detail, { broken: ['test.large'], overdue: ['test.large'] })
})

void test('the command check stores its results for the health of the instances', async () => {
  await using t = await openWatch([{ name: 'test.money', check: () => Promise.resolve(['1 shilling is missing']) }])
  const invariants: Invariant[] = [{ name: 'test.money', check: () => Promise.resolve(['2 shillings are missing']) }]
  const checked = checkInvariants({ db: t.database.db, print: () => undefined, modules: [{ invariants }] })
  await assert.rejects(checked, { code: 'platform.broken' })
  assert.deepEqual((await t.health.check()).detail?.['broken'], ['test.money'])
})
