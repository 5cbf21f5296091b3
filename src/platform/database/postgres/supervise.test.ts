import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { findPostgres, supervisePostgres } from '../postgres.ts'
import { monotonicMs } from '../../base/clock.ts'
import { findProcessStart } from '../../base/processes.ts'
import { createInitializedDir, queryRows, runProgram, waitUntil } from './fixture.ts'

async function open(t: TestContext) {
  const dataDir = await createInitializedDir(t)
  const lines: string[] = []
  let lost = 0
  const failedAtMs: number[] = []
  const log = (line: string): void => {
    lines.push(line)
    if (line.includes('cannot be started again')) failedAtMs.push(monotonicMs())
  }
  const server = await supervisePostgres({ dataDir, log, onLockLost: () => void lost++ })
  assert.ok(server)
  t.after(() => server.stop())
  const pidOf = async (): Promise<number> => (await findPostgres(dataDir))?.pid ?? 0
  const back = (before: number): Promise<void> =>
    waitUntil('another server answers', async () => {
      const pid = await pidOf()
      return pid > 0 && pid !== before && queryRows(server.app, 'select 1').then(Boolean, () => false)
    })
  return { dataDir, server, lines, failedAtMs, lost: () => lost, pidOf, back }
}

const lockHeld = `select from pg_locks where locktype = 'advisory' and granted`

void test('a killed server is started again with its data, and the owner lock is held again', async (t) => {
  const { dataDir, server, lines, lost, pidOf, back } = await open(t)
  await queryRows(server.owner, 'create table kept as select 1 as id')
  const pid = await pidOf()
  process.kill(pid, 'SIGKILL')
  await back(pid)
  assert.deepEqual(await queryRows(server.app, 'select 1 as one'), [{ one: 1 }])
  assert.deepEqual(await queryRows(server.owner, 'select id from kept'), [{ id: 1 }])
  await waitUntil('the lock is held', async () => (await queryRows(server.owner, lockHeld)).length === 1)
  const other = `say({ got: !!(await pg.supervisePostgres({ dataDir })) }); process.exit()`
  assert.deepEqual(await runProgram(t, dataDir, other).next(), { got: false })
  assert.deepEqual([server.state(), lost()], [{ restarts: 1, problem: undefined }, 0])
  assert.match(lines.join('\n'), /has ended unexpectedly[^]*PostgreSQL runs again \(process \d+\)/)
  const second = await pidOf()
  await server.stop()
  assert.equal(findProcessStart(second), undefined, 'a stop ends the server that runs now')
})

void test('a server that was already running is restarted too', async (t) => {
  const { dataDir, server, pidOf } = await open(t)
  const pid = await pidOf()
  // The lock session of the first program ends with the program; the server stays.
  const code = `const s = await pg.supervisePostgres({ dataDir }); say({ wasRunning: s.wasRunning }); setInterval(() => {}, 1000)`
  await queryRows(
    server.owner,
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'purser lock %'`,
  )
  await waitUntil('the lock is held again', async () => (await queryRows(server.owner, lockHeld)).length === 1)
  assert.equal(await pidOf(), pid, 'a lost session is no lost server')
  await server.stop()
  const first = runProgram(t, dataDir, code)
  await first.next()
  first.child.kill('SIGKILL')
  await first.ended
  const adopted = await supervisePostgres({ dataDir })
  assert.ok(adopted?.wasRunning)
  t.after(() => adopted.stop())
  const before = await pidOf()
  process.kill(before, 'SIGKILL')
  await waitUntil('the restart', () => adopted.state().restarts === 1)
  assert.notEqual(await pidOf(), before)
})

void test('a server that an operator shut down is not started again: the program is told to stop', async (t) => {
  const { server, lines, lost, pidOf } = await open(t)
  process.kill(await pidOf(), 'SIGINT')
  await waitUntil('the report', () => lost() === 1)
  assert.match(lines.join('\n'), /was stopped on purpose/)
  assert.deepEqual([server.state().restarts, await pidOf()], [0, 0])
})

void test('an immediate shutdown skips the last checkpoint, so it counts as a crash', async (t) => {
  const { pidOf, back, lost } = await open(t)
  const pid = await pidOf()
  process.kill(pid, 'SIGQUIT')
  await back(pid)
  assert.equal(lost(), 0)
})

void test('a server that cannot start again is tried with growing pauses, and the reason is reported', async (t) => {
  const { dataDir, server, lines, failedAtMs, lost, pidOf, back } = await open(t)
  const control = join(dataDir, 'postgres', 'global', 'pg_control')
  const pid = await pidOf()
  process.kill(pid, 'SIGSTOP')
  renameSync(control, `${control}.away`)
  process.kill(pid, 'SIGKILL')
  await waitUntil('three failed starts', () => failedAtMs.length >= 3)
  assert.equal(server.state().problem, 'platform.postgres-start-failed')
  assert.match(lines.join('\n'), /cannot be started again: PostgreSQL did not start: .*pg_control/)
  const [, second = 0, third = 0] = failedAtMs
  assert.ok(third - second >= 900, `${third - second} ms between two starts`)
  renameSync(`${control}.away`, control)
  await back(pid)
  await waitUntil('the problem is gone', () => server.state().problem === undefined)
  assert.equal(lost(), 0)
})

void test('a stop while the server restarts leaves no server behind', async (t) => {
  const { server, pidOf, dataDir } = await open(t)
  process.kill(await pidOf(), 'SIGKILL')
  await server.stop()
  assert.equal(await findPostgres(dataDir), undefined)
})
