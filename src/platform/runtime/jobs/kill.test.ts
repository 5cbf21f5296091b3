import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { ClientConfig } from 'pg'
import { z } from 'zod'
import { openTestDatabase } from '../../../../test/database.ts'
import { waitFor } from '../../../../test/wait.ts'
import { systemClock } from '../../base/clock.ts'
import { openDb, sql, type Queryable } from '../../database/db.ts'
import { defineJob } from '../jobs.ts'
import { platformSchema } from '../../database/schema.ts'
import { openTestJobs } from './fixture.ts'

const WORKER = { web: false, worker: true }
const schema = z.object({ n: z.number() })

const victim = process.argv[2]
if (victim === undefined) tests()
else await die(JSON.parse(victim) as ClientConfig)

/** Program of the process that is killed during its job. */
async function die(connection: ClientConfig): Promise<void> {
  const db = openDb({ connection })
  const job = defineJob({
    name: 'test.job',
    schema,
    run: async () => void process.kill(process.pid, 'SIGKILL'),
  })
  await openTestJobs({ db, connection, jobs: [job] }).start(WORKER)
}

/** Enqueues a job that kills the process that runs it. */
async function killAWorker(t: { db: Queryable; connection: ClientConfig }): Promise<void> {
  await t.db.run(sql`insert into platform.outbox (job, payload, run_at, max_attempts)
    values ('test.job', '{"n":1}', ${systemClock.now()}, 25)`)
  const child = spawn(process.execPath, [import.meta.filename, JSON.stringify(t.connection)], { stdio: 'inherit' })
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  assert.deepEqual(await locks(t.db), [{ locked: true }])
}

const locks = (q: Queryable): Promise<object[]> =>
  q.many(sql`select locked_by is not null as locked from graphile_worker._private_jobs`)

function tests(): void {
  test('the job of a killed worker runs again 10 seconds after its last heartbeat', async () => {
    await using t = await openTestDatabase([platformSchema])
    await killAWorker(t)
    const seen: number[] = []
    const job = defineJob({ name: 'test.job', schema, run: async (_, { attempt }) => void seen.push(attempt) })

    await using early = openTestJobs({ ...t, jobs: [job] })
    await early.start(WORKER)
    assert.deepEqual(await locks(t.db), [{ locked: true }], 'the worker may still be alive')
    await early.drain(1_000)

    await using late = openTestJobs({ ...t, jobs: [job] })
    await late.start(WORKER)
    // An instance judges others only after its own heartbeats were regular for 10 s.
    await waitFor('the job to run again', () => seen.length > 0, 30_000)
    assert.deepEqual(seen, [2])
  })

  test('the job runs again at once after releaseStale', async () => {
    await using t = await openTestDatabase([platformSchema])
    await killAWorker(t)
    const seen: number[] = []
    const job = defineJob({ name: 'test.job', schema, run: async (_, { attempt }) => void seen.push(attempt) })
    await using jobs = openTestJobs({ ...t, jobs: [job] })
    await jobs.releaseStale()
    await jobs.start(WORKER)
    await waitFor('the job to run again', () => seen.length > 0)
    assert.deepEqual(seen, [2])
    const alive = await t.db.many(sql`select pid from platform.instances`)
    assert.deepEqual(alive, [{ pid: process.pid }])
  })

  test('the job of a living worker stays locked', async () => {
    await using t = await openTestDatabase([platformSchema])
    const gate = Promise.withResolvers<void>()
    let runs = 0
    const job = defineJob({
      name: 'test.job',
      schema,
      run: async () => {
        runs += 1
        await gate.promise
      },
    })
    await using one = openTestJobs({ ...t, jobs: [job] })
    await one.start(WORKER)
    await one.enqueue(t.db, job, { n: 1 })
    one.wake()
    await waitFor('the job to run', () => runs > 0)
    await using two = openTestJobs({ ...t, jobs: [job] })
    await two.start(WORKER)
    assert.deepEqual(await locks(t.db), [{ locked: true }])
    gate.resolve()
    await waitFor('its end to be noted', async () => (await locks(t.db)).length === 0)
    assert.equal(runs, 1)
  })
}
