import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../../test/database.ts'
import { waitFor } from '../../../../test/wait.ts'
import { addMs } from '../../base/clock.ts'
import { rawSql, sql, type Db } from '../../database/db.ts'
import type { DueQueue } from '../jobs.ts'
import { createMemoryLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { platformSchema } from '../../database/schema.ts'
import { openTestJobs } from './fixture.ts'
import { createSlots } from './slots.ts'

interface Row {
  id: string
}
const WORKER = { web: false, worker: true }
const LONG_MS = 600_000

/** Creates a table with a due time and a queue over it. `done` deletes a handled row. */
async function createRows(owner: Db, db: Db, count: number): Promise<Pick<DueQueue<Row>, 'name' | 'claim'> & Rows> {
  await owner.run(rawSql('create schema trial'))
  await owner.run(rawSql('create table trial.rows (id text primary key, due_at timestamptz not null)'))
  await owner.run(rawSql('grant usage on schema trial to purser_app'))
  await owner.run(rawSql('grant all on trial.rows to purser_app'))
  const add = async (from: number, to: number): Promise<void> =>
    void (await owner.run(
      sql`insert into trial.rows select 'row' || n, 'epoch' from generate_series(${from}::int, ${to}::int) n`,
    ))
  await add(1, count)
  return {
    name: 'test.rows',
    claim: (limit, now) =>
      db.many<Row>(sql`update trial.rows set due_at = ${addMs(now, 60_000)} where id in (
        select id from trial.rows where due_at <= ${now} order by due_at limit ${limit} for update skip locked) returning id`),
    add,
    done: async ({ id }) => void (await db.run(sql`delete from trial.rows where id = ${id}`)),
    left: async () => (await db.many<Row>(sql`select id from trial.rows order by id`)).map(({ id }) => id),
  }
}

interface Rows {
  add(from: number, to: number): Promise<void>
  done(row: Row): Promise<void>
  left(): Promise<string[]>
}

test('rows are handled up to the concurrency, batch after batch without a pause', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t.owner, t.db, 50)
  let running = 0
  let most = 0
  const queue: DueQueue<Row> = {
    ...{ ...rows, concurrency: 4, batch: 10, idleMs: LONG_MS },
    handle: async (row) => {
      running += 1
      most = Math.max(most, running)
      await rows.done(row)
      running -= 1
    },
  }
  const metrics = createMetrics({ defaults: false })
  await using jobs = openTestJobs({ ...t, queues: [queue], metrics })
  await jobs.start(WORKER)
  await waitFor('all rows to be handled', async () => (await rows.left()).length === 0)
  assert.equal(most, 4)
  const text = await metrics.registry.metrics()
  assert.match(text, /purser_queue_handled_total\{queue="test.rows",status="succeeded"\} 50/)
  assert.match(text, /purser_queue_lag_seconds\{queue="test.rows"\}/)
})

test('a failing row and a hanging row do not block other rows', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t.owner, t.db, 30)
  const log = createMemoryLog()
  const queue: DueQueue<Row> = {
    ...{ ...rows, concurrency: 2, batch: 5, idleMs: LONG_MS },
    handle: async (row, signal) => {
      if (row.id === 'row1') throw new Error('poison')
      if (row.id === 'row2') await new Promise((_, reject) => signal.addEventListener('abort', reject))
      await rows.done(row)
    },
  }
  await using jobs = openTestJobs({ ...t, queues: [queue], log })
  await jobs.start(WORKER)
  await waitFor('the others to be handled', async () => (await rows.left()).length === 2)
  assert.deepEqual(await rows.left(), ['row1', 'row2'])
  const entry = log.entries.find(({ message }) => message === 'row failed; it is retried')
  assert.equal(entry?.rowId, 'row1')
})

test('a wake causes an immediate claim, also when it arrives during a claim', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t.owner, t.db, 0)
  let claims = 0
  let whileClaiming: (() => Promise<void>) | undefined
  const queue: DueQueue<Row> = {
    ...{ ...rows, concurrency: 2, batch: 5, idleMs: LONG_MS },
    claim: async (limit, now, holder) => {
      const found = await rows.claim(limit, now, holder)
      claims += 1
      await whileClaiming?.()
      return found
    },
    handle: (row) => rows.done(row),
  }
  let beside = 0
  const idle = {
    ...{ name: 'test.beside', concurrency: 1, batch: 1, idleMs: 1 },
    claim: async () => {
      beside += 1
      return []
    },
    handle: async () => {},
  }
  await using jobs = openTestJobs({ ...t, queues: [queue, idle] })
  await jobs.start(WORKER)
  await waitFor('the first claim', () => claims === 1)
  await rows.add(1, 3)
  whileClaiming = async () => {
    whileClaiming = undefined
    await rows.add(4, 6)
    jobs.wake('test.rows')
  }
  jobs.wake('test.rows')
  await waitFor('both batches to be handled', async () => claims >= 3 && (await rows.left()).length === 0)
  const until = beside + 50
  await waitFor('another queue to poll fifty times', () => beside >= until)
  assert.ok(claims <= 5, `one claim for each wake, not ${claims}`)
})

test('drain claims no more rows and waits for claimed rows', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t.owner, t.db, 12)
  const gate = Promise.withResolvers<void>()
  let started = 0
  const queue: DueQueue<Row> = {
    ...{ ...rows, concurrency: 2, batch: 5, idleMs: LONG_MS },
    handle: async (row) => {
      started += 1
      await gate.promise
      await rows.done(row)
    },
  }
  const jobs = openTestJobs({ ...t, queues: [queue] })
  await jobs.start(WORKER)
  await waitFor('the queue to be busy', () => started === 2)
  const drained = jobs.drain(30_000)
  gate.resolve()
  await drained
  assert.equal((await rows.left()).length, 7)
})

test('drain aborts rows at the deadline and resolves even if one continues', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t.owner, t.db, 2)
  const aborted: string[] = []
  let started = 0
  const queue: DueQueue<Row> = {
    ...{ ...rows, concurrency: 1, batch: 5, idleMs: LONG_MS },
    handle: (row, signal) => {
      started += 1
      signal.addEventListener('abort', () => void aborted.push(row.id))
      return new Promise(() => {})
    },
  }
  const jobs = openTestJobs({ ...t, queues: [queue] })
  await jobs.start(WORKER)
  await waitFor('the queue to be busy', () => started === 1)
  await jobs.drain(20)
  assert.equal(aborted.length, 1)
  assert.equal(started, 1)
})

test('a queue recovers after failed claims', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t.owner, t.db, 3)
  let failures = 0
  const queue: DueQueue<Row> = {
    ...{ ...rows, concurrency: 1, batch: 5, idleMs: LONG_MS },
    claim: async (limit, now, holder) => {
      if (failures++ < 3) throw new Error('not today')
      return rows.claim(limit, now, holder)
    },
    handle: (row) => rows.done(row),
  }
  await using jobs = openTestJobs({ ...t, queues: [queue] })
  await jobs.start(WORKER)
  await waitFor('the rows to be handled', async () => (await rows.left()).length === 0)
})

test('a row past its deadline has failed, and its slot handles the next row', async () => {
  await using t = await openTestDatabase([platformSchema])
  const rows = await createRows(t.owner, t.db, 3)
  const metrics = createMetrics({ defaults: false })
  let aborted = 0
  const queue: DueQueue<Row> = {
    ...{ ...rows, concurrency: 1, batch: 5, idleMs: LONG_MS, limitMs: 50 },
    handle: (row, signal) => {
      if (row.id !== 'row1') return rows.done(row)
      signal.addEventListener('abort', () => void (aborted += 1))
      return new Promise(() => undefined)
    },
  }
  await using jobs = openTestJobs({ ...t, queues: [queue], metrics })
  await jobs.start(WORKER)
  await waitFor('the other rows to be handled', async () => aborted === 1 && (await rows.left()).length === 1)
  assert.match(await metrics.registry.metrics(), /purser_queue_handled_total\{queue="test.rows",status="failed"\} 1/)
})

test('a queue whose slots are taken waits for a few seconds at most, then its loop begins another step', async () => {
  const gate = Promise.withResolvers<void>()
  const slots = createSlots(1, () => gate.promise)
  assert.equal(await slots.waitForFree(1_000), true)
  slots.add([1])
  assert.equal(await slots.waitForFree(20), false)
  const free = slots.waitForFree(15_000)
  gate.resolve()
  assert.equal(await free, true)
  slots.close()
  assert.equal(await slots.waitForFree(15_000), false)
})
