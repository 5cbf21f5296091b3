import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientConfig } from 'pg'
import { z } from 'zod'
import { openTestDatabase } from '../../../../test/database.ts'
import { openTcpProxy } from '../../../../test/tcp-proxy.ts'
import { waitFor } from '../../../../test/wait.ts'
import { monotonicMs, systemClock } from '../../base/clock.ts'
import { rawSql, sql } from '../../database/db.ts'
import { platformSchema } from '../../database/schema.ts'
import { silentLog } from '../../observe/log.ts'
import { defineJob, type ClaimTable, type DueQueue } from '../jobs.ts'
import { openTestJobs } from './fixture.ts'
import { checkJobs } from './health.ts'
import { createSupervisor } from './supervisor.ts'

const WORKER = { web: false, worker: true }
const schema = z.object({ n: z.number() })
/** Frozen connections are closed after 10 s. */
const LIMIT_MS = 50_000

/** Puts a proxy in front of the test server. */
async function openProxy({ host, port, ...rest }: ClientConfig) {
  const proxy = await openTcpProxy({ path: `${String(host)}/.s.PGSQL.${String(port)}` })
  return { proxy, connection: { ...rest, host: '127.0.0.1', port: proxy.port } }
}

test('the worker fetches jobs again after its connections froze for good', { timeout: 120_000 }, async (t) => {
  await using database = await openTestDatabase([platformSchema])
  const { proxy, connection } = await openProxy(database.connection)
  await using _ = proxy
  const seen: number[] = []
  const job = defineJob({ name: 'test.job', schema, run: async ({ n }) => void seen.push(n) })
  // The pool of the program is not frozen, so only the worker's connections have to recover.
  await using jobs = openTestJobs({ db: database.db, connection, jobs: [job] })
  await jobs.start(WORKER)
  const runJob = async (n: number): Promise<void> => {
    await jobs.enqueue(database.db, job, { n })
    jobs.wake()
    await waitFor('the job to run', () => seen.includes(n), LIMIT_MS)
  }
  await runJob(1)
  proxy.freeze()
  const from = monotonicMs()
  await runJob(2)
  t.diagnostic(`all frozen: ${Math.round(monotonicMs() - from)} ms`)

  // The answer with a locked job does not arrive: the job stays locked for a pool that does not know it.
  const frozen = proxy.freezeOn((text) => text.includes('"n": 3') || text.includes('"n":3'))
  const ran = runJob(3)
  await frozen
  const lostAt = monotonicMs()
  await ran
  t.diagnostic(`frozen with a fetched job: ${Math.round(monotonicMs() - lostAt)} ms`)
})

test('a pool of the library that neither fetches nor fails is replaced', async () => {
  await using database = await openTestDatabase([platformSchema])
  const pools: string[] = []
  const removed: string[] = []
  const instances = {
    // The first pool hangs before its first fetch.
    addPool: (pool: string): Promise<void> => {
      if (!pools.includes(pool)) pools.push(pool)
      return pools[0] === pool ? new Promise(() => undefined) : Promise.resolve()
    },
    removePool: (pool: string): void => void removed.push(pool),
  }
  const supervisor = createSupervisor({
    ...{ connection: database.connection, log: silentLog, concurrency: 1, silentMs: 3_000, instances },
    tasks: () => ({ 'test.job': () => undefined }),
  })
  supervisor.start()
  await waitFor('a second pool', () => pools.length > 1)
  await waitFor('the first to be unregistered', () => removed.includes(pools[0] ?? ''))
  await waitFor('a fetch', () => (supervisor.sinceLastFetchMs() ?? LIMIT_MS) < 2_500)
  await supervisor.drain(monotonicMs() + 1_000)
})

test('a job past its deadline has failed and is retried', async () => {
  await using database = await openTestDatabase([platformSchema])
  const attempts: { attempt: number; signal: AbortSignal }[] = []
  const job = defineJob({
    ...{ name: 'test.job', schema, limitMs: 50 },
    run: (_, { attempt, signal }) => {
      attempts.push({ attempt, signal })
      return attempt === 1 ? new Promise(() => undefined) : Promise.resolve()
    },
  })
  await using jobs = openTestJobs({ ...database, jobs: [job] })
  await jobs.start(WORKER)
  await jobs.enqueue(database.db, job, { n: 1 })
  jobs.wake()
  await waitFor('the second attempt', () => attempts.length > 1)
  assert.deepEqual(
    attempts.map(({ attempt, signal }) => [attempt, signal.aborted]),
    [
      [1, true],
      [2, false],
    ],
  )
})

const ROWS: ClaimTable<{ id: string }> = { table: 'trial.rows', keyOf: ({ id }) => ({ id }) }

test('a row whose claim was committed, but never answered, is handled', { timeout: 90_000 }, async () => {
  await using database = await openTestDatabase([platformSchema])
  const { owner, db } = database
  await owner.run(
    rawSql(`create schema trial; create table trial.rows (id text primary key, due_at timestamptz not null,
      claimed_by text, claim bigint not null default 0); grant usage on schema trial to purser_app;
      grant all on trial.rows to purser_app; insert into trial.rows values ('lost', 'epoch'), ('held', 'epoch')`),
  )
  const handled: string[] = []
  const gate = Promise.withResolvers<void>()
  let claims = 0
  const queue: DueQueue<{ id: string; claim: bigint }> = {
    ...{ name: 'test.rows', concurrency: 2, batch: 1, idleMs: 100, claims: ROWS },
    claim: async (limit, now, holder) => {
      const rows = await db.many<{ id: string; claim: bigint }>(sql`update trial.rows
        set claimed_by = ${holder}, claim = claim + 1 where id in (select id from trial.rows
        where due_at <= ${now} and claimed_by is null order by id desc limit ${limit}) returning id, claim`)
      claims += 1
      if (claims === 1) throw new Error('the connection broke')
      return rows
    },
    handle: async ({ id }) => {
      handled.push(id)
      if (id === 'held') await gate.promise
      await owner.run(sql`delete from trial.rows where id = ${id}`)
    },
  }
  await using jobs = openTestJobs({ ...database, queues: [queue] })
  await jobs.start(WORKER)
  await waitFor('the lost row to be handled', () => handled.includes('lost'), LIMIT_MS)
  assert.deepEqual(handled, ['held', 'lost'], 'a row that is worked on for longer is not lost')
  gate.resolve()
})

test('jobs are critical where they run: a silent relay, heartbeat or worker fails readiness', async () => {
  await using database = await openTestDatabase([platformSchema])
  const report = async (runsJobs: boolean, [relay, beat, fetch]: readonly (number | undefined)[]) => {
    const check = checkJobs({
      ...{ db: database.db, clock: systemClock, runsJobs: () => runsJobs },
      relay: { sinceLastPollMs: () => relay },
      instances: { sinceLastBeatMs: () => beat },
      worker: { sinceLastFetchMs: () => fetch },
    })
    return [check.critical, (await check.check()).status]
  }
  await database.owner
    .run(sql`insert into platform.instances (id, roles, host, pid, version, pools, started_at, beat_at)
    values ('one', '{worker}', 'h', 1, '0', '{}', clock_timestamp(), clock_timestamp())`)
  assert.deepEqual(await report(true, [1, 1, 1]), [true, 'healthy'])
  for (const silent of [
    [60_000, 1, 1],
    [1, 60_000, 1],
    [1, 1, 60_000],
    [1, 1, undefined],
  ])
    assert.deepEqual(await report(true, silent), [true, 'unhealthy'])
  assert.deepEqual(await report(false, [60_000, 1, undefined]), [false, 'unhealthy'])
  assert.deepEqual(await report(false, [1, 1, undefined]), [false, 'healthy'])
  await database.owner.run(sql`update platform.instances set beat_at = clock_timestamp() - interval '11 s'`)
  assert.deepEqual(await report(false, [1, 1, undefined]), [false, 'degraded'], 'no living instance runs jobs')
})
