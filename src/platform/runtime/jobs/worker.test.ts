import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { openTestDatabase } from '../../../../test/database.ts'
import { waitFor } from '../../../../test/wait.ts'
import { createSetClock, systemClock } from '../../base/clock.ts'
import { openDb, rawSql, sql, type Queryable } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import { defineJob } from '../jobs.ts'
import { createMemoryLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { platformSchema } from '../../database/schema.ts'
import { openTestJobs } from './fixture.ts'

const schema = z.object({ n: z.number() })
const WORKER = { web: false, worker: true }

const queuedJobs = async (q: Queryable): Promise<number> =>
  (await q.one<{ n: number }>(sql`select count(*)::int as n from graphile_worker._private_jobs`)).n

test('a worker runs a job that a web instance enqueued, with its payload', async () => {
  await using t = await openTestDatabase([platformSchema])
  const seen: unknown[] = []
  const at = new Date('2026-02-03T04:05:06Z')
  const dated = defineJob({
    name: 'test.dated',
    schema: z.object({ at: z.coerce.date() }),
    run: async (payload, { attempt }) => void seen.push({ ...payload, attempt }),
  })
  const metrics = createMetrics({ defaults: false })
  await using web = openTestJobs({ ...t, jobs: [dated] })
  await using worker = openTestJobs({ ...t, jobs: [dated], metrics })
  await web.start({ web: true, worker: false })
  await worker.start(WORKER)
  await t.db.transaction(async (tx) => {
    await web.enqueue(tx, dated, { at })
    tx.afterCommit(() => web.wake())
  })
  await waitFor('the job to run', () => seen.length > 0)
  assert.deepEqual(seen, [{ at, attempt: 1 }])
  await waitFor('the end of the job to be recorded', async () => (await queuedJobs(t.db)) === 0)
  assert.match(await metrics.registry.metrics(), /purser_jobs_total\{job="test.dated",status="succeeded"\} 1/)
  assert.equal((await web.health.check()).status, 'healthy')
})

test('a failing job is logged and stored without secrets, and is not retried after its last attempt', async () => {
  await using t = await openTestDatabase([platformSchema])
  const log = createMemoryLog()
  const job = defineJob({
    name: 'test.failing',
    schema,
    maxAttempts: 1,
    run: async () => {
      throw new AppError('test.refused', 500, 'Refused with Bearer sk_test_0123456789abcdefghijklmnop.')
    },
  })
  await using jobs = openTestJobs({ ...t, jobs: [job], log })
  await jobs.enqueue(t.db, job, { n: 1 })
  await jobs.runDue()
  const row = await t.db.one<{ last_error: string; is_available: boolean }>(
    sql`select last_error, is_available from graphile_worker._private_jobs`,
  )
  assert.match(row.last_error, /^test\.refused: Refused with/)
  assert.doesNotMatch(row.last_error, /0123456789/)
  assert.equal(row.is_available, false)
  const entry = log.entries.find(({ message }) => message === 'job failed in its last attempt')
  assert.equal(entry?.job, 'test.failing')
  assert.equal(entry?.attempt, 1)
  assert.doesNotMatch(JSON.stringify(log.entries), /0123456789/)
})

test('a job that this version does not know stays in the queue and is logged once', async () => {
  await using t = await openTestDatabase([platformSchema])
  const newer = defineJob({ name: 'test.newer', schema, run: async () => {} })
  const older = defineJob({ name: 'test.older', schema, run: async () => {} })
  const log = createMemoryLog()
  await using writer = openTestJobs({ ...t, jobs: [newer] })
  await using jobs = openTestJobs({ ...t, jobs: [older], log })
  for (const n of [1, 2]) {
    await writer.enqueue(t.db, newer, { n })
    await jobs.runDue()
  }
  const said = log.entries.filter(({ message }) => String(message).includes('does not know'))
  assert.deepEqual(
    said.map(({ job }) => job),
    ['test.newer'],
  )
  assert.equal(await queuedJobs(t.db), 2)
  await using restarted = openTestJobs({ ...t, jobs: [older], log })
  await restarted.start(WORKER)
  await waitFor('the start to log the unknown jobs', () =>
    log.entries.some(({ jobs: names }) => JSON.stringify(names) === '["test.newer"]'),
  )
})

test('the jobs check is unhealthy until the relay runs, and degraded without a worker or with late jobs', async () => {
  await using t = await openTestDatabase([platformSchema])
  const job = defineJob({ name: 'test.job', schema, run: async () => {} })
  await using web = openTestJobs({ ...t, jobs: [job] })
  assert.equal((await web.health.check()).status, 'unhealthy')
  await web.start({ web: true, worker: false })
  assert.equal((await web.health.check()).status, 'degraded')
  await using worker = openTestJobs({ ...t, jobs: [job] })
  await worker.start(WORKER)
  assert.equal((await web.health.check()).status, 'healthy')
  await Promise.all([web.drain(1_000), worker.drain(1_000)])
  const clock = createSetClock()
  await using late = openTestJobs({ ...t, jobs: [job], clock })
  await late.runDue()
  await late.enqueue(t.db, job, { n: 1 })
  clock.advance(60_001)
  await t.owner.run(sql`update platform.instances set roles = '{worker}'`)
  const { detail } = await late.health.check()
  assert.deepEqual(
    { ...detail, relaySilentMs: 0, heartbeatSilentMs: 0 },
    { outboxRows: 1, oldestDueMs: 60_001, relaySilentMs: 0, heartbeatSilentMs: 0, workers: 1 },
  )
  assert.equal((await late.health.check()).status, 'degraded')
})

test('drain waits for a job that ends before the deadline', async () => {
  await using t = await openTestDatabase([platformSchema])
  const started = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  let ended = false
  const slow = defineJob({
    name: 'test.slow',
    schema,
    run: async () => {
      started.resolve()
      await gate.promise
      ended = true
    },
  })
  const jobs = openTestJobs({ ...t, jobs: [slow] })
  await jobs.start(WORKER)
  await jobs.enqueue(t.db, slow, { n: 1 })
  jobs.wake()
  await started.promise
  const drained = jobs.drain(30_000)
  gate.resolve()
  await drained
  assert.equal(ended, true)
  assert.equal(await queuedJobs(t.db), 0)
  assert.deepEqual(await t.db.many(sql`select id from platform.instances`), [], 'the instance is unregistered')
})

test('drain aborts a job at the deadline, and releases one that continues', async () => {
  await using t = await openTestDatabase([platformSchema])
  const started: number[] = []
  let aborted = false
  const gate = Promise.withResolvers<void>()
  const slow = defineJob({
    name: 'test.slow',
    schema,
    run: ({ n }, { signal }) => {
      started.push(n)
      if (n === 2) return gate.promise
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true
          reject(new Error('stopped'))
        })
      })
    },
  })
  const jobs = openTestJobs({ ...t, jobs: [slow] })
  await jobs.start(WORKER)
  for (const n of [1, 2]) await jobs.enqueue(t.db, slow, { n })
  jobs.wake()
  await waitFor('both to run', () => started.length === 2)
  await jobs.drain(50)
  assert.equal(aborted, true)
  const rows = await t.db.many(sql`select locked_by, attempts from graphile_worker._private_jobs`)
  assert.deepEqual(rows, [
    { locked_by: null, attempts: 1 },
    { locked_by: null, attempts: 1 },
  ])
  gate.resolve()
})

test('the worker survives an unreachable database, even at the end of a job', async () => {
  await using t = await openTestDatabase([platformSchema])
  const log = createMemoryLog()
  const seen: number[] = []
  const gate = Promise.withResolvers<void>()
  const job = defineJob({
    name: 'test.job',
    schema,
    run: async ({ n }) => {
      seen.push(n)
      if (n === 1) await gate.promise
    },
  })
  const claims = { count: 0 }
  const queue = {
    ...{ name: 'test.rows', concurrency: 1, batch: 1, idleMs: 10 },
    claim: async () => {
      claims.count += 1
      return t.db.many(sql`select 1 as n where false`)
    },
    handle: async () => {},
  }
  await using jobs = openTestJobs({ ...t, jobs: [job], queues: [queue], log })
  await jobs.start(WORKER)
  await jobs.enqueue(t.db, job, { n: 1 })
  jobs.wake()
  await waitFor('the job to run', () => seen.length > 0)

  const outside = openDb({ connection: { ...t.ownerConnection, database: 'postgres' }, max: 1 })
  const name = String(t.ownerConnection.database)
  await outside.run(rawSql(`alter database ${name} allow_connections false`))
  await outside.run(sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`)
  gate.resolve()
  await waitFor('the end of the job to fail', () =>
    log.entries.some(({ message }) => message === 'worker ended; restarting'),
  )
  const before = claims.count
  await waitFor('the relay to have failed four times', () =>
    log.entries.some(({ loop, failures }) => loop === 'relay' && failures === 4),
  )
  assert.ok(claims.count - before < 10, `nothing spins: ${claims.count - before} claims`)
  await outside.run(rawSql(`alter database ${name} allow_connections true`))
  await outside.close()

  await waitFor('the job whose end was not recorded to run again', () => seen.length > 1)
  assert.deepEqual(seen, [1, 1])
  await jobs.enqueue(t.db, job, { n: 2 })
  await waitFor('a new job to run', () => seen.includes(2))
  await waitFor('the relay to recover', () => log.entries.some(({ message }) => message === 'loop recovered'))
})

test('two workers share many jobs', async () => {
  await using t = await openTestDatabase([platformSchema])
  const seen = new Set<number>()
  const job = defineJob({ name: 'test.job', schema, run: async ({ n }) => void seen.add(n) })
  await using one = openTestJobs({ ...t, jobs: [job] })
  await using two = openTestJobs({ ...t, jobs: [job] })
  await Promise.all([one.start(WORKER), two.start(WORKER)])
  await t.owner.run(sql`insert into platform.outbox (job, payload, run_at, max_attempts)
    select 'test.job', json_build_object('n', n), ${systemClock.now()}, 25 from generate_series(1, 1200) n`)
  one.wake()
  await waitFor('all jobs to run', () => seen.size === 1200)
  await waitFor('the ends of the jobs to be recorded', async () => (await queuedJobs(t.db)) === 0)
})
