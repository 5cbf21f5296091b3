import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { openTestDatabase } from '../../../../test/database.ts'
import { addMs, createSetClock } from '../../base/clock.ts'
import { defineJob } from '../jobs.ts'
import { platformSchema } from '../../database/schema.ts'
import { openTestJobs } from './fixture.ts'

const schema = z.object({ n: z.number() })

test('with a set clock, exactly the due work runs, including work that it enqueues', async () => {
  await using t = await openTestDatabase([platformSchema])
  const clock = createSetClock()
  const seen: string[] = []
  const say = (what: string): void => void seen.push(`${clock.now().toISOString().slice(11, 19)} ${what}`)
  const chained = defineJob({
    name: 'test.chained',
    schema,
    run: async ({ n }) => {
      say(`job ${n}`)
      if (n < 3) await trial.enqueue(t.db, 'test.chained', { n: n + 1 }, { runAt: addMs(clock.now(), n * 60_000) })
    },
  })
  const due: string[] = ['a', 'b']
  const queue = {
    ...{ name: 'test.rows', concurrency: 1, batch: 1, idleMs: 1_000 },
    claim: async () => due.splice(0, 1),
    handle: async (row: string) => {
      say(`row ${row}`)
      if (row === 'b') await trial.enqueue(t.db, 'test.chained', { n: 1 })
    },
  }
  const cron = { name: 'test.cron', everyMs: 120_000, run: async () => say('cron') }
  await using trial = openTestJobs({ ...t, clock, jobs: [chained], queues: [queue], crons: [cron] })
  await trial.runDue()
  await trial.runDue()
  clock.advance(60_000)
  await trial.runDue()
  clock.advance(120_000)
  await trial.runDue()
  assert.deepEqual(seen, [
    ...['09:00:00 row a', '09:00:00 row b', '09:00:00 cron', '09:00:00 job 1'],
    ...['09:01:00 job 2', '09:03:00 job 3', '09:03:00 cron'],
  ])
})

test('a failed job runs again after its backoff by the set clock', async () => {
  await using t = await openTestDatabase([platformSchema])
  const clock = createSetClock()
  const attempts: number[] = []
  const job = defineJob({
    name: 'test.job',
    schema,
    run: async (_, { attempt }) => {
      attempts.push(attempt)
      if (attempt < 3) throw new Error('not yet')
    },
  })
  await using jobs = openTestJobs({ ...t, clock, jobs: [job] })
  await jobs.enqueue(t.db, job, { n: 1 })
  await jobs.runDue()
  assert.deepEqual(attempts, [1])
  clock.advance(2_700)
  await jobs.runDue()
  assert.deepEqual(attempts, [1])
  clock.advance(20)
  await jobs.runDue()
  assert.deepEqual(attempts, [1, 2])
  clock.advance(7_400)
  await jobs.runDue()
  await jobs.runDue()
  assert.deepEqual(attempts, [1, 2, 3])
})

test('work that always makes itself due again causes an error, not an endless loop', async () => {
  await using t = await openTestDatabase([platformSchema])
  const queue = {
    ...{ name: 'test.rows', concurrency: 1, batch: 5, idleMs: 1_000 },
    claim: async () => ['again'],
    handle: async () => {},
  }
  await using jobs = openTestJobs({ ...t, queues: [queue] })
  await assert.rejects(jobs.runDue(), /makes itself due again/)
})
