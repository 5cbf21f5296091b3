import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../test/database.ts'
import { createSetClock } from './clock.ts'
import { watchInvariants } from './invariants.ts'
import { memoryLog } from './log.ts'
import { createMetrics } from './metrics.ts'

void test('what is broken is logged and counted, and degrades the health until it holds again', async () => {
  await using database = await openTestDatabase([])
  const clock = createSetClock()
  const log = memoryLog()
  const metrics = createMetrics({ defaults: false })
  let problems = ['1 shilling is missing']
  const invariants = [
    { name: 'test.money', check: () => Promise.resolve(problems) },
    { name: 'test.slow', check: () => Promise.reject(new Error('canceling statement due to statement timeout')) },
  ]
  const { cron, health } = watchInvariants({ db: database.db, clock, metrics, invariants })
  const run = () => cron.run({ log, signal: new AbortController().signal, now: clock.now() })
  assert.equal((await health.check()).status, 'healthy')
  await run()
  assert.deepEqual(await health.check(), { status: 'degraded', detail: { broken: ['test.money'] } })
  assert.match(await metrics.registry.metrics(), /purser_invariants_broken\{invariant="test.money"\} 1/)
  const [broken, unknown] = log.entries
  assert.deepEqual([broken?.level, broken?.invariant, broken?.problems], ['error', 'test.money', problems])
  assert.deepEqual([unknown?.level, unknown?.invariant], ['warn', 'test.slow'])
  problems = []
  await run()
  assert.equal((await health.check()).status, 'healthy')
  assert.match(await metrics.registry.metrics(), /purser_invariants_broken\{invariant="test.money"\} 0/)
})
