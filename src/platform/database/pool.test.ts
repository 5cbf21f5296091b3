import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import pg from 'pg'
import { openTestDatabase } from '../../../test/database.ts'
import { openTcpProxy } from '../../../test/tcp-proxy.ts'
import { waitFor } from '../../../test/wait.ts'
import { isDatabaseUnavailable, openDb, rawSql, sql, sqlState, type DbOptions, type Queryable } from './db.ts'

const one = sql`select 1 as one`
const settings = sql`select current_setting('statement_timeout') as statement,
  current_setting('idle_in_transaction_session_timeout') as idle`

void test('a frozen connection fails its statements and is destroyed, and the pool recovers', async () => {
  await using t = await openTestDatabase([])
  await using proxy = await openTcpProxy({ path: `${t.connection.host ?? ''}/.s.PGSQL.5432` })
  const connection = { ...t.connection, host: '127.0.0.1', port: proxy.port }
  const db = openDb({ connection, max: 2, statementTimeoutMs: 300 })
  // Open both connections of the pool.
  await Promise.all([db.run(sql`select pg_sleep(0.1)`), db.run(sql`select pg_sleep(0.1)`)])
  const began = Promise.withResolvers<void>()
  const frozen = Promise.withResolvers<void>()
  const inside = db.transaction(async (tx) => {
    began.resolve()
    await frozen.promise
    // The function goes on after the time-out, but nothing waits behind the dead statement.
    await tx.one(one).catch(() => undefined)
    return tx.one(one)
  })
  await began.promise
  proxy.freeze()
  const startedAt = performance.now()
  const alone = db.one(one)
  frozen.resolve()
  await Promise.all([
    assert.rejects(alone, (error) => isDatabaseUnavailable(error) && /timeout/.test(String(error))),
    assert.rejects(inside, isDatabaseUnavailable),
  ])
  assert.ok(performance.now() - startedAt < 10_000)
  assert.equal(db.pool.totalCount, 0, 'no frozen connection returned to the pool')
  assert.deepEqual(await db.one(one), { one: 1 })
  await db.close()
})

void test(
  'every connection probes a silent server',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async () => {
    await using t = await openTestDatabase([])
    await using proxy = await openTcpProxy({ path: `${t.connection.host ?? ''}/.s.PGSQL.5432` })
    const db = openDb({ connection: { ...t.connection, host: '127.0.0.1', port: proxy.port } })
    await db.one(one)
    const session = await db.openSession()
    // Columns of /proc/net/tcp: remote address, state (01: established), timer (02: keepalive).
    const remote = `:${proxy.port.toString(16).toUpperCase().padStart(4, '0')}`
    const timers = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[2]?.endsWith(remote) && columns[3] === '01')
      .map((columns) => columns[5]?.slice(0, 2))
    assert.deepEqual(timers, ['02', '02'])
    await session.close()
    await db.close()
  },
)

void test('time-outs hold on every connection, whatever the role says', async () => {
  await using t = await openTestDatabase([])
  const database = t.connection.database ?? ''
  await t.owner.run(rawSql(`alter database ${database} set statement_timeout = '5min'`))
  await t.owner.run(rawSql(`alter database ${database} set idle_in_transaction_session_timeout = 0`))
  const db = openDb({ connection: t.connection })
  assert.deepEqual(await db.one(settings), { statement: '30s', idle: '30s' })
  const session = await db.openSession()
  assert.deepEqual(await session.one(settings), { statement: '30s', idle: '30s' })
  await session.close()
  await db.close()
})

void test('behind a pooler in transaction mode the role must give the time-outs', async () => {
  await using t = await openTestDatabase([])
  const database = t.connection.database ?? ''
  for (const name of ['statement_timeout', 'idle_in_transaction_session_timeout'])
    await t.owner.run(rawSql(`alter database ${database} set ${name} = 0`))
  const errors: string[] = []
  const options: DbOptions = {
    connection: t.connection,
    pooler: { mode: 'transaction', keepsStatements: false },
    onError: (error) => errors.push(error.message),
  }
  const without = openDb(options)
  assert.deepEqual(await without.one(settings), { statement: '0', idle: '0' })
  await Promise.all([1, 2, 3].map(() => without.one(one)))
  assert.equal(errors.length, 1)
  assert.match(errors[0] ?? '', /alter role "purser_app" in database "test_\w+" set statement_timeout = 30000/)
  await without.close()
  await t.owner.run(rawSql(`alter database ${database} set statement_timeout = '20s'`))
  await t.owner.run(rawSql(`alter database ${database} set idle_in_transaction_session_timeout = '30s'`))
  const given = openDb(options)
  assert.deepEqual(await given.one(settings), { statement: '20s', idle: '30s' })
  assert.equal(errors.length, 1)
  await given.close()
})

void test('PostgreSQL ends a transaction that waits for its client, and the pool heals', async () => {
  await using t = await openTestDatabase([])
  await t.owner.run(
    rawSql('create table public.n (id int); insert into public.n values (1); grant all on public.n to purser_app'),
  )
  const errors: Error[] = []
  const db = openDb({ connection: t.connection, max: 1, onError: (error) => errors.push(error) })
  const lock = sql`select id from public.n for update`
  const stuck = db.transaction(async (tx) => {
    await tx.run(rawSql('set local idle_in_transaction_session_timeout = 50'))
    await tx.one(lock)
    await waitFor('the server to end the session', () => errors.length > 0)
    return tx.one(one)
  })
  await assert.rejects(stuck, isDatabaseUnavailable)
  assert.equal(sqlState(errors[0]), '25P03')
  assert.deepEqual(await db.one(lock), { id: 1 })
  await db.close()
})

void test('a connection with another role is refused and closed', async () => {
  await using t = await openTestDatabase([])
  const connection = { ...t.ownerConnection, application_name: 'refused' }
  const restricted = { ...connection, options: '-c role=purser_app' }
  const good = openDb({ connection: restricted, expectedUser: 'purser_app' })
  await good.one(one)
  await good.close()
  const lost = openDb({ connection, expectedUser: 'purser_app', applicationName: 'refused' })
  const isWrong = (error: unknown) =>
    isDatabaseUnavailable(error) && /has the role \S+, but Purser must run as purser_app/.test(String(error))
  await assert.rejects(lost.one(one), isWrong)
  await assert.rejects(
    lost.transaction((tx) => tx.one(one)),
    isWrong,
  )
  await assert.rejects(lost.openSession(), isWrong)
  assert.equal(lost.pool.totalCount, 0)
  const open = sql`select count(*)::int as n from pg_stat_activity where application_name = 'refused'`
  await waitFor('the refused connections to close', async () => (await t.owner.one<{ n: number }>(open)).n === 0)
  await lost.close()
})

void test('a connection to a server that accepts no writes is discarded', async () => {
  await using t = await openTestDatabase([])
  const database = t.connection.database ?? ''
  await t.owner.run(rawSql('create table public.n (id int); grant all on public.n to purser_app'))
  const db = openDb({ connection: t.connection, max: 1 })
  const demote = (on: boolean) =>
    t.owner.run(rawSql(`alter database ${database} set default_transaction_read_only = ${on ? 'on' : 'off'}`))
  const insert = (q: Queryable) => q.run(sql`insert into public.n values (1)`)
  for (const write of [() => insert(db), () => db.transaction(insert)]) {
    await db.pool.connect().then((client) => client.release(true))
    await demote(true)
    await assert.rejects(write, (error) => sqlState(error) === '25006' && isDatabaseUnavailable(error))
    await demote(false)
    assert.equal(await write(), 1)
  }
  await db.close()
})

/** Limits the connections of the database to `n`. The limit does not hold for superusers. */
const limit = (owner: Queryable, database: string | undefined, n: number) =>
  owner.run(rawSql(`alter database ${database ?? ''} connection limit ${n}`))

void test('a burst waits for pooled connections when the server has no room for more', async () => {
  await using t = await openTestDatabase([])
  const { database } = t.connection
  // The two connections of the test's own pools count as well.
  await t.owner.one(one)
  await limit(t.owner, database, 4)
  const db = openDb({ connection: t.connection, max: 10 })
  const sleeps = Array.from({ length: 60 }, (_, i) =>
    i % 2 === 0 ? db.run(sql`select pg_sleep(0.02)`) : db.transaction((tx) => tx.run(sql`select pg_sleep(0.02)`)),
  )
  assert.equal((await Promise.all(sleeps)).length, 60)
  assert.ok(db.pool.totalCount <= 4)
  assert.ok((db.pool.options.max ?? 0) <= 4, 'the pool shrank')
  await limit(t.owner, database, 100)
  await waitFor('the pool to grow again', async () => {
    await Promise.all(Array.from({ length: 10 }, () => db.run(sql`select pg_sleep(0.02)`)))
    return db.pool.totalCount > 4
  })
  await db.close()
})

void test('a pool without a connection tries again until the connect time-out', async () => {
  await using t = await openTestDatabase([])
  const { database } = t.connection
  const holders = [new pg.Client(t.connection), new pg.Client(t.connection)]
  for (const holder of holders) await holder.connect()
  await limit(t.owner, database, 1)
  const late = openDb({ connection: t.connection, connectTimeoutMs: 400 })
  const startedAt = performance.now()
  await assert.rejects(late.one(one), (error) => sqlState(error) === '53300' && isDatabaseUnavailable(error))
  assert.ok(performance.now() - startedAt >= 390, 'it waited')
  await late.close()

  const db = openDb({ connection: t.connection, connectTimeoutMs: 10_000 })
  const waiting = Promise.all(Array.from({ length: 5 }, () => db.one(one)))
  const refusals = openDb({ connection: t.connection, connectTimeoutMs: 1 })
  await assert.rejects(refusals.one(one))
  await refusals.close()
  for (const holder of holders) await holder.end()
  await limit(t.owner, database, 2)
  assert.equal((await waiting).length, 5)
  await db.close()
})

void test('a full disk is recorded', async () => {
  await using t = await openTestDatabase([])
  const db = openDb({ connection: t.connection, max: 1 })
  assert.equal(db.recentDiskFull, undefined)
  const full = rawSql(`do $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$`)
  await assert.rejects(db.run(full), isDatabaseUnavailable)
  const first = db.recentDiskFull
  assert.ok(first)
  const backend = await pidOf(db)
  await assert.rejects(
    db.transaction((tx) => tx.run(full)),
    isDatabaseUnavailable,
  )
  assert.ok(db.recentDiskFull && db.recentDiskFull >= first)
  assert.equal(await pidOf(db), backend, 'the connection is kept')
  await db.close()
})

const pidOf = async (q: Queryable): Promise<number> =>
  (await q.one<{ pid: number }>(sql`select pg_backend_pid() as pid`)).pid
