import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { openTestDatabase } from '../../../../test/database.ts'
import { waitFor } from '../../../../test/wait.ts'
import { addMs, createSetClock, systemClock } from '../../base/clock.ts'
import { rawSql, sql, type Queryable } from '../../database/db.ts'
import { defineJob } from '../jobs.ts'
import { platformSchema } from '../../database/schema.ts'
import { insertJob, moveDue, readOutbox } from './outbox.ts'
import { openTestJobs } from './fixture.ts'

const schema = z.object({ n: z.number() })
const note = defineJob({ name: 'test.note', schema, run: async () => {} })
const now = systemClock.now()

const queued = (q: Queryable): Promise<{ n: number }[]> =>
  q.many(sql`select (payload->>'n')::int as n from graphile_worker._private_jobs order by n`)

test('three concurrent relays move each row exactly once', async () => {
  await using t = await openTestDatabase([platformSchema])
  await t.owner.run(sql`insert into platform.outbox (job, payload, run_at, max_attempts)
    select 'test.note', json_build_object('n', n), ${now}, 25 from generate_series(1, 5000) n`)
  const relay = async (): Promise<number> => {
    let total = 0
    for (let count = -1; count !== 0; total += count) count = (await moveDue(t.db, now, 100)).count
    return total
  }
  const moved = await Promise.all([relay(), relay(), relay()])
  // A relay that finds the last rows locked ends early. The relay that locked them moves them.
  assert.equal(moved[0] + moved[1] + moved[2], 5000)
  assert.deepEqual(
    (await queued(t.db)).map(({ n }) => n),
    Array.from({ length: 5000 }, (_, i) => i + 1),
  )
  assert.deepEqual(await readOutbox(t.db, now), { rows: 0, oldestDueAt: undefined })
})

test('a committed transaction enqueues its job, a rolled back one does not', async () => {
  await using t = await openTestDatabase([platformSchema])
  await using jobs = openTestJobs({ ...t, jobs: [note] })
  await assert.rejects(
    t.db.transaction(async (tx) => {
      await jobs.enqueue(tx, note, { n: 1 })
      throw new Error('changed my mind')
    }),
    /changed my mind/,
  )
  await t.db.transaction((tx) => jobs.enqueue(tx, note, { n: 2 }))
  await jobs.enqueue(t.db, 'test.note', { n: 3 })
  await moveDue(t.db, systemClock.now(), 10)
  assert.deepEqual(await queued(t.db), [{ n: 2 }, { n: 3 }])
})

test("a row stays in the outbox until it is due by Purser's clock", async () => {
  await using t = await openTestDatabase([platformSchema])
  const clock = createSetClock()
  await using jobs = openTestJobs({ ...t, jobs: [note], clock })
  await jobs.enqueue(t.db, note, { n: 1 }, { runAt: addMs(clock.now(), 60_000) })
  clock.advance(59_999)
  assert.equal((await moveDue(t.db, clock.now(), 10)).count, 0)
  clock.advance(1)
  assert.equal((await moveDue(t.db, clock.now(), 10)).count, 1)
})

test('a later job with the same key replaces the waiting one, in the outbox and in the queue', async () => {
  await using t = await openTestDatabase([platformSchema])
  const insert = (n: number): Promise<void> =>
    insertJob(t.db, { job: note, payload: { n }, now, options: { jobKey: 'one' } })
  await insert(1)
  await insert(2)
  assert.equal((await moveDue(t.db, now, 10)).count, 1)
  assert.deepEqual(await queued(t.db), [{ n: 2 }])
  await insert(3)
  await moveDue(t.db, now, 10)
  assert.deepEqual(await queued(t.db), [{ n: 3 }])
})

test('no job is lost when a job starts while a job with the same key replaces it', async () => {
  await using t = await openTestDatabase([platformSchema])
  const insert = (n: number): Promise<void> =>
    insertJob(t.db, { job: note, payload: { n }, now, options: { jobKey: 'one' } })
  await insert(1)
  await moveDue(t.db, now, 10)
  // The worker locks the old job after add_jobs checked the lock and before it writes.
  await t.owner.run(
    rawSql(`create function hold() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(42); return new; end $$`),
  )
  await t.owner.run(
    rawSql('create trigger hold before insert on graphile_worker._private_jobs for each row execute function hold()'),
  )
  const worker = await t.owner.openSession()
  await worker.run(sql`select pg_advisory_lock(42)`)
  await insert(2)
  const moved = assert.rejects(moveDue(t.db, now, 10), { code: 'platform.outbox-conflict' })
  await waitFor('the relay to run add_jobs', () =>
    worker.maybe(sql`select 1 as held from pg_locks where locktype = 'advisory' and objid = 42 and not granted
      and database = (select oid from pg_database where datname = current_database())`),
  )
  await worker.run(sql`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'pool-x'`)
  await worker.close()
  await moved
  assert.equal((await readOutbox(t.db, now)).rows, 1)
  await t.owner.run(rawSql('drop trigger hold on graphile_worker._private_jobs'))
  assert.equal((await moveDue(t.db, now, 10)).count, 1)
  assert.deepEqual(await queued(t.db), [{ n: 1 }, { n: 2 }], 'the old job runs, then the new one')
})

test('a payload that does not match the schema is refused on enqueue', async () => {
  await using t = await openTestDatabase([platformSchema])
  const dated = defineJob({ name: 'test.dated', schema: z.object({ at: z.coerce.date() }), run: async () => {} })
  const wrong = defineJob({ name: 'test.wrong', schema: z.object({ at: z.date() }), run: async () => {} })
  await using jobs = openTestJobs({ ...t, jobs: [note, dated, wrong] })
  await jobs.enqueue(t.db, dated, { at: now })
  await assert.rejects(jobs.enqueue(t.db, 'test.note', { n: 'one' }), { code: 'platform.job-payload' })
  await assert.rejects(jobs.enqueue(t.db, 'test.note', { n: 1n }), { code: 'platform.job-payload' })
  await assert.rejects(
    jobs.enqueue(t.db, wrong, { at: now }),
    { code: 'platform.job-payload' },
    'a date is parsed as text',
  )
  await assert.rejects(jobs.enqueue(t.db, 'test.other', { n: 1 }), /'test.other' is not among/)
  assert.equal((await readOutbox(t.db, now)).rows, 1)
})

test('the running program cannot change the schema of the job queue', async () => {
  await using t = await openTestDatabase([platformSchema])
  for (const statement of [
    'alter table graphile_worker._private_jobs add column x int',
    'drop function graphile_worker.force_unlock_workers',
    'create table graphile_worker.x ()',
    'truncate graphile_worker._private_jobs',
    'delete from graphile_worker._private_tasks',
    'update graphile_worker.migrations set breaking = false',
  ]) {
    await assert.rejects(t.db.run(rawSql(statement)), { code: '42501' }, statement)
  }
})
