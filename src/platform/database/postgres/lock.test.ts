import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  acquireOwnerLock,
  applicationName,
  type EmbeddedPostgres,
  endDeadSessions,
  startPostgres,
} from '../postgres.ts'
import { openClient } from './connection.ts'
import { queryRows, createSeed, runProgram, waitUntil } from './fixture.ts'

// One server for all tests of this file; the last test stops it.
let shared: (EmbeddedPostgres & { dataDir: string }) | undefined
const open = async (): Promise<EmbeddedPostgres & { dataDir: string }> => {
  const dataDir = await createSeed()
  return (shared ??= { ...(await startPostgres({ dataDir })), dataDir })
}
after(() => shared?.stop())

const sessions = `select count(*)::int as count from pg_stat_activity where application_name like 'purser web %'`

void test('one process holds the owner lock until it releases it', async (t) => {
  const { dataDir, owner, app } = await open()
  const lock = await acquireOwnerLock(owner)
  assert.ok(lock)
  assert.equal(await acquireOwnerLock(owner), undefined)
  assert.equal(await acquireOwnerLock(app), undefined, 'for every role')
  const other =
    'const f = await pg.findPostgres(dataDir); say({ got: !!(await pg.acquireOwnerLock(f.owner)) }); process.exit()'
  assert.deepEqual(await runProgram(t, dataDir, other).next(), { got: false })
  await lock.release()
  await lock.release()
  assert.deepEqual(await runProgram(t, dataDir, other).next(), { got: true })
})

void test('the sessions of a killed program are terminated and its lock is released; other sessions stay', async (t) => {
  const { dataDir, owner, app } = await open()
  const living = await openClient(app, applicationName('web'))
  t.after(() => living.end())
  const foreign = await openClient(app, 'psql')
  t.after(() => foreign.end())
  const program = runProgram(
    t,
    dataDir,
    `const client = await import(${JSON.stringify(new URL('./connection.ts', import.meta.url).href)})
     const f = await pg.findPostgres(dataDir)
     const lock = await pg.acquireOwnerLock(f.owner)
     const session = await client.openClient(f.app, pg.applicationName('web'))
     void session.query('select pg_sleep(600)')
     say({ got: !!lock })`,
  )
  assert.deepEqual(await program.next(), { got: true })
  await waitUntil(
    'both sessions are open',
    async () => (await queryRows<{ count: number }>(owner, sessions))[0]?.count === 2,
  )
  assert.equal(await endDeadSessions(owner), 0, 'all are alive')
  program.child.kill('SIGKILL')
  await program.ended
  assert.ok((await endDeadSessions(owner)) >= 1)
  assert.deepEqual(await queryRows(owner, sessions), [{ count: 1 }])
  const lock = await acquireOwnerLock(owner)
  assert.ok(lock)
  await lock.release()
  await Promise.all([living.query('select 1'), foreign.query('select 1')])
})

void test('the lock of a killed process is taken at once, even when its session still hangs', async (t) => {
  const { owner } = await open()
  // Use the session name of a killed Purser process: this process id with another start time.
  const dead = await openClient(owner, `purser lock ${process.pid} 1`)
  t.after(() => dead.end())
  await dead.query('select pg_advisory_lock(1886745203, 1)')
  const lock = await acquireOwnerLock(owner)
  assert.ok(lock)
  await lock.release()
})

void test('the lock survives a restart of the sessions, and its loss is reported', async () => {
  const server = await open()
  let lost = 0
  const lock = await acquireOwnerLock(server.owner, { onLockLost: () => void lost++ })
  assert.ok(lock)
  const cut = `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like 'purser lock %'`
  await queryRows(server.owner, cut)
  const held = `select from pg_locks where locktype = 'advisory' and granted`
  await waitUntil('the lock is held again', async () => (await queryRows(server.owner, held)).length === 1)
  assert.equal(lost, 0)
  assert.equal(await acquireOwnerLock(server.owner), undefined)
  await server.stop()
  await waitUntil('the loss is reported', () => lost === 1)
})
