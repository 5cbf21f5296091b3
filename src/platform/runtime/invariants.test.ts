import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import { createSetClock } from '../base/clock.ts'
import { sql } from '../database/db.ts'
import { watchInvariants } from './invariants.ts'
import { createMemoryLog } from '../observe/log.ts'
import { createMetrics } from '../observe/metrics.ts'
import type { Invariant } from './module.ts'

const MINUTE = 60_000

async function openWatch(invariants: readonly Invariant[]) {
  const database = await openTestDatabase([])
  const [clock, log, metrics] = [createSetClock(), createMemoryLog(), createMetrics({ defaults: false })]
  const { cron, health } = watchInvariants({ db: database.db, clock, metrics, invariants })
  return {
    ...{ clock, log, health },
    counted: () => metrics.registry.metrics(),
    run: () => cron.run({ log, signal: new AbortController().signal, now: clock.now() }),
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

void test('an invariant that could not be checked degrades the health, but is not reported as broken', async () => {
  let isSlow = true
  const check = (): Promise<string[]> =>
    isSlow ? Promise.reject(new Error('canceling statement due to statement timeout')) : Promise.resolve([])
  await using t = await openWatch([{ name: 'test.slow', check }])
  await t.run()
  assert.deepEqual(await t.health.check(), { status: 'degraded', detail: { unchecked: ['test.slow'] } })
  const [unknown] = t.log.entries
  assert.deepEqual([unknown?.level, unknown?.invariant], ['error', 'test.slow'])
  isSlow = false
  t.clock.advance(10 * MINUTE)
  await t.run()
  assert.equal((await t.health.check()).status, 'healthy')
})

void test('a slow check runs less often, has a longer timeout than other statements, and keeps its result until the next run', async () => {
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
  assert.deepEqual(t.log.entries[0]?.problems, ['5min', 'repeatable read', 'on'])
  t.clock.advance(90 * MINUTE)
  await t.run()
  assert.equal(checks, 1)
  assert.equal((await t.health.check()).status, 'degraded', 'the check did not run again')
  t.clock.advance(10 * MINUTE)
  await t.run()
  assert.equal(checks, 2)
  t.clock.advance(10 * 60 * MINUTE)
  assert.equal((await t.health.check()).status, 'healthy', 'an expired result is ignored')
})
