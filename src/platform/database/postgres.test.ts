import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { findPostgres, startPostgres } from './postgres.ts'
import { postgresUrl } from './url.ts'
import { waitFor } from '../../../test/wait.ts'
import { queryRows, createDataDir, createInitializedDir, runProgram } from './postgres/fixture.ts'

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)

void test('a first start creates a private server, which can be queried, found and stopped', async (t) => {
  const dataDir = createDataDir(t)
  assert.equal(await findPostgres(dataDir), undefined)
  const server = await startPostgres({ dataDir })
  assert.equal(server.wasRunning, false)
  assert.match(server.version, /^18\./)
  const settings = `select name, setting from pg_settings where name in
    ('fsync', 'data_checksums', 'listen_addresses', 'synchronous_commit', 'server_encoding', 'password_encryption') order by name`
  assert.deepEqual(
    Object.fromEntries(
      (await queryRows<{ name: string; setting: string }>(server.app, settings)).map((row) => [row.name, row.setting]),
    ),
    {
      data_checksums: 'on',
      fsync: 'on',
      listen_addresses: '',
      password_encryption: 'scram-sha-256',
      server_encoding: 'UTF8',
      synchronous_commit: 'on',
    },
  )
  assert.deepEqual(await queryRows(server.owner, `select lower('ÄÉ') as folded`), [{ folded: 'äé' }])

  for (const path of [dataDir, join(dataDir, 'postgres'), server.owner.host]) assert.equal(mode(path), '700', path)
  const files = readdirSync(dataDir).filter((name) => statSync(join(dataDir, name)).isFile())
  assert.deepEqual(files.toSorted(), [
    'postgres-app.password',
    'postgres-owner.password',
    'postgres.lock',
    'postgres.log',
  ])
  for (const name of files) assert.equal(mode(join(dataDir, name)), '600', name)
  assert.notEqual(server.owner.password, server.app.password)
  assert.ok(!readFileSync(join(dataDir, 'postgres.log'), 'utf8').includes(server.app.password))

  assert.deepEqual(await findPostgres(dataDir), { owner: server.owner, app: server.app, pid: server.pid })
  await Promise.all([server.stop(), server.stop()])
  assert.equal(await findPostgres(dataDir), undefined)
  assert.throws(() => process.kill(server.pid, 0), { code: 'ESRCH' })
})

void test("the program's role may only log in, and a wrong password is refused", async (t) => {
  const server = await startPostgres({ dataDir: await createInitializedDir(t) })
  const denied = { code: '42501' }
  await assert.rejects(queryRows(server.app, 'create database another'), denied)
  await assert.rejects(queryRows(server.app, 'create role another'), denied)
  await assert.rejects(queryRows(server.app, 'create schema another'), denied)
  await assert.rejects(queryRows(server.app, 'create table public.another (id int)'), denied)
  await assert.rejects(queryRows(server.app, `set role ${server.owner.user}`), denied)
  await assert.rejects(queryRows(server.app, `select pg_read_file('PG_VERSION')`), denied)
  for (const good of [server.app, server.owner]) {
    await assert.rejects(queryRows({ ...good, password: 'wrong' }, 'select 1'), { code: '28P01' })
  }
})

void test('the URL of a connection reaches the same database', async (t) => {
  const server = await startPostgres({ dataDir: createDataDir(t, 'with space & signs: %41') })
  const client = new pg.Client({ connectionString: postgresUrl(server.app) })
  await client.connect()
  const { rows } = await client.query('select current_user as user, current_database() as database')
  await client.end()
  assert.deepEqual(rows, [{ user: 'purser_app', database: 'purser' }])
})

void test('a second start connects to the running server and its data', async (t) => {
  const dataDir = await createInitializedDir(t)
  const first = await startPostgres({ dataDir })
  await queryRows(first.owner, 'create table kept (id int)')
  const second = await startPostgres({ dataDir })
  assert.deepEqual([second.pid, second.wasRunning], [first.pid, true])
  await second.stop()
  await first.stop()
  const third = await startPostgres({ dataDir, settings: { work_mem: '5MB' } })
  assert.equal(third.wasRunning, false)
  assert.deepEqual(
    await queryRows(third.owner, `select count(*)::int as rows, current_setting('work_mem') as work_mem from kept`),
    [{ rows: 0, work_mem: '5MB' }],
  )
})

void test('concurrent starts on an empty folder share one server', async (t) => {
  const dataDir = createDataDir(t)
  const code =
    'const s = await pg.startPostgres({ dataDir }); say({ pid: s.pid, wasRunning: s.wasRunning, password: s.app.password })'
  const programs = [1, 2].map(() => runProgram(t, dataDir, code).next())
  const here = await Promise.all([startPostgres({ dataDir }), startPostgres({ dataDir })])
  const all = [
    ...(await Promise.all(programs)),
    ...here.map((s) => ({ pid: s.pid, wasRunning: s.wasRunning, password: s.app.password })),
  ]
  assert.deepEqual(new Set(all.map((s) => s.pid)).size, 1, JSON.stringify(all))
  assert.equal(all.filter((s) => !s.wasRunning).length, 1, JSON.stringify(all))
  assert.deepEqual(new Set(all.map((s) => s.password)).size, 1)
  assert.deepEqual(await queryRows(here[0].app, 'select 1 as one'), [{ one: 1 }])
  assert.deepEqual(
    readdirSync(dataDir).filter((name) => name.includes('.new-')),
    [],
  )
})

void test('a server that logs without end does not fill the disk: its log is rotated while it runs', async (t) => {
  const dataDir = await createInitializedDir(t)
  const server = await startPostgres({ dataDir, logCheckMs: 10 })
  const log = join(dataDir, 'postgres.log')
  const logMegabytes = (word: string, megabytes: number): Promise<unknown> =>
    queryRows(
      server.owner,
      `do $$ begin for i in 1..${megabytes} loop raise warning '%', repeat('${word}', 100000); end loop; end $$`,
    )
  await logMegabytes('first phrase', 12)
  await waitFor('the rotated log', () => statSync(`${log}.1`, { throwIfNoEntry: false })?.size === 10 * 1024 * 1024)
  await waitFor('the emptied log', () => statSync(log).size < 10 * 1024 * 1024)
  assert.equal(mode(`${log}.1`), '600')
  await logMegabytes('second phrase', 1)
  await waitFor('lines after the rotation', () => readFileSync(log, 'utf8').includes('second phrase'))
  assert.ok(!readFileSync(log, 'latin1').includes('\0'), 'the server continues at the new end')
})

void test('a data folder with a very long path has its socket in another private folder', async (t) => {
  const dataDir = createDataDir(t, 'a'.repeat(90), 'b'.repeat(90))
  const server = await startPostgres({ dataDir })
  assert.ok(Buffer.byteLength(`${server.app.host}/.s.PGSQL.5432`) <= 103)
  assert.ok(!server.app.host.startsWith(dataDir))
  assert.equal(mode(server.app.host), '700')
  assert.deepEqual(await queryRows(server.app, 'select 1 as one'), [{ one: 1 }])
  assert.equal((await findPostgres(dataDir))?.app.host, server.app.host)
  await server.stop()
  assert.ok(
    !readdirSync(dirname(server.app.host)).includes(server.app.host.split('/').at(-1) ?? ''),
    'the socket folder was not removed',
  )
})

void test('a start rotates a log above 10 MB', async (t) => {
  const dataDir = await createInitializedDir(t)
  const log = join(dataDir, 'postgres.log')
  writeFileSync(log, 'x'.repeat(10 * 1024 * 1024 + 1))
  await startPostgres({ dataDir })
  assert.ok(statSync(log).size < 10_000)
  assert.equal(statSync(`${log}.1`).size, 10 * 1024 * 1024)
})
