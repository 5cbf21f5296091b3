import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../../test/database.ts'
import { waitFor } from '../../../../test/wait.ts'
import { createSetClock } from '../../base/clock.ts'
import { sql } from '../../database/db.ts'
import { platformSchema } from '../../database/schema.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { openTestJobs } from './fixture.ts'

const WORKER = { web: false, worker: true }

test('a cron runs once per period across all instances', async () => {
  await using t = await openTestDatabase([platformSchema])
  const clock = createSetClock()
  let runs = 0
  const crons = [{ name: 'test.cron', everyMs: 60_000, run: async () => void (runs += 1) }]
  await using one = openTestJobs({ ...t, crons, clock })
  await using two = openTestJobs({ ...t, crons, clock })
  const both = (): Promise<unknown> => Promise.all([one.runDue(), two.runDue()])
  await both()
  assert.equal(runs, 1)
  clock.advance(59_999)
  await both()
  assert.equal(runs, 1)
  clock.advance(1)
  await both()
  assert.equal(runs, 2)
})

test('another instance does not start a cron that still runs', async () => {
  await using t = await openTestDatabase([platformSchema])
  const clock = createSetClock()
  const gate = Promise.withResolvers<void>()
  let runs = 0
  const run = async (): Promise<void> => {
    runs += 1
    await gate.promise
  }
  const crons = [{ name: 'test.cron', everyMs: 1_000, run }]
  await using one = openTestJobs({ ...t, crons, clock })
  await using two = openTestJobs({ ...t, crons, clock })
  const first = one.runDue()
  await waitFor('it to run', () => runs === 1)
  clock.advance(5_000)
  await two.runDue()
  assert.equal(runs, 1)
  gate.resolve()
  await first
  await two.runDue()
  assert.equal(runs, 2, 'the delayed run')
})

test('another instance takes over the cron of a dead instance', async () => {
  await using t = await openTestDatabase([platformSchema])
  const clock = createSetClock()
  let runs = 0
  const crons = [{ name: 'test.cron', everyMs: 1_000, run: async () => void (runs += 1) }]
  await t.db.run(sql`insert into platform.instances (id, roles, host, pid, version, pools, started_at, beat_at)
    values ('gone', '{worker}', 'h', 1, '0', '{}', ${clock.now()}, clock_timestamp())`)
  await t.db.run(
    sql`insert into platform.crons (name, started_at, claimed_by, claim) values ('test.cron', ${clock.now()}, 'gone', 1)`,
  )
  await using jobs = openTestJobs({ ...t, crons, clock })
  clock.advance(20_000)
  await jobs.runDue()
  assert.equal(runs, 0, 'it is alive by the clock of the database')
  await t.db.run(sql`delete from platform.instances where id = 'gone'`)
  await jobs.runDue()
  assert.equal(runs, 1)
})

test('a failed cron runs again in the next period, and drain waits for a running cron', async () => {
  await using t = await openTestDatabase([platformSchema])
  const gate = Promise.withResolvers<void>()
  let runs = 0
  let ended = false
  const run = async (): Promise<void> => {
    runs += 1
    if (runs === 1) throw new Error('not today')
    await gate.promise
    ended = true
  }
  const jobs = openTestJobs({ ...t, crons: [{ name: 'test.cron', everyMs: 50, run }] })
  await jobs.start(WORKER)
  await waitFor('the second run', () => runs === 2)
  const drained = jobs.drain(30_000)
  gate.resolve()
  await drained
  assert.equal(ended, true)
  assert.deepEqual(await t.db.many(sql`select claimed_by from platform.crons`), [{ claimed_by: null }])
})

test('a cron past its deadline has failed and runs again', async () => {
  await using t = await openTestDatabase([platformSchema])
  const metrics = createMetrics({ defaults: false })
  const signals: AbortSignal[] = []
  const run = ({ signal }: { signal: AbortSignal }): Promise<void> => {
    signals.push(signal)
    return signals.length === 1 ? new Promise(() => undefined) : Promise.resolve()
  }
  await using jobs = openTestJobs({ ...t, metrics, crons: [{ name: 'test.cron', everyMs: 50, limitMs: 50, run }] })
  await jobs.start(WORKER)
  await waitFor('the second run', () => signals.length > 1)
  assert.equal(signals[0]?.aborted, true)
  assert.match(await metrics.registry.metrics(), /purser_crons_total\{cron="test.cron",status="failed"\} 1/)
})
