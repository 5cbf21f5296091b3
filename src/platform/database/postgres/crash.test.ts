import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findPostgres, startPostgres } from '../postgres.ts'
import { TOOLS } from './account.ts'
import { queryRows, createDataDir, createInitializedDir, runProgram, waitUntil } from './fixture.ts'
import { findProcessStart, identifyProcess } from '../../base/processes.ts'
import { isPostgresOf } from './process.ts'

void test('a start connects to the server of a killed program, with every acknowledged commit', async (t) => {
  const dataDir = await createInitializedDir(t)
  const code = `const s = await pg.startPostgres({ dataDir }); say({ pid: s.pid }); setInterval(() => {}, 1000)`
  const first = runProgram(t, dataDir, code)
  const { pid } = await first.next()
  const found = await findPostgres(dataDir)
  assert.ok(found)
  await queryRows(found.owner, 'create table kept as select 1 as id')
  // Ctrl-C signals the whole process group; the server is in another one.
  process.kill(-(first.child.pid ?? assert.fail()), 'SIGINT')
  await first.ended
  const second = runProgram(t, dataDir, code)
  assert.deepEqual(await second.next(), { pid })
  second.child.kill('SIGKILL')
  await second.ended
  const existing = await startPostgres({ dataDir })
  assert.deepEqual([existing.pid, existing.wasRunning], [pid, true])
  assert.deepEqual(await queryRows(existing.owner, 'select id from kept'), [{ id: 1 }])
  await existing.stop()
  assert.equal(findProcessStart(existing.pid), undefined)
})

void test('a start recovers a killed server, also while its child processes still run', async (t) => {
  const dataDir = await createInitializedDir(t)
  const killed = await startPostgres({ dataDir })
  await queryRows(killed.owner, 'create table kept as select 1 as id')
  // A backend that runs a statement notices the death of its parent late. Until then the shared memory is in use.
  const long = 'select count(*) from generate_series(1, 5000) a, generate_series(1, 5000) b'
  const busy = queryRows(killed.owner, long).catch(() => undefined)
  const active = `select from pg_stat_activity where state = 'active' and query = '${long}'`
  await waitUntil('the statement runs', async () => (await queryRows(killed.owner, active)).length === 1)
  process.kill(killed.pid, 'SIGKILL')
  const again = await startPostgres({ dataDir })
  assert.equal(again.wasRunning, false)
  assert.notEqual(again.pid, killed.pid)
  assert.deepEqual(await queryRows(again.owner, 'select id from kept'), [{ id: 1 }])
  await busy
})

void test('stale lock files with the process id of another program do not prevent a start, and that program survives', async (t) => {
  const dataDir = await createInitializedDir(t)
  const first = await startPostgres({ dataDir })
  const files = [join(dataDir, 'postgres', 'postmaster.pid'), join(first.owner.host, '.s.PGSQL.5432.lock')]
  const texts = files.map((file) => readFileSync(file, 'utf8'))
  await first.stop()
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  t.after(() => other.kill('SIGKILL'))
  files.forEach((file, i) =>
    writeFileSync(file, (texts[i] ?? '').replace(String(first.pid), String(other.pid)), { mode: 0o600 }),
  )
  assert.equal(await findPostgres(dataDir), undefined)
  const server = await startPostgres({ dataDir })
  assert.equal(server.wasRunning, false)
  assert.ok(findProcessStart(other.pid ?? 0), 'the other program was ended')
  await server.stop()
  assert.ok(findProcessStart(other.pid ?? 0), 'the other program was ended')

  files.forEach((file, i) => writeFileSync(file, texts[i] ?? '', { mode: 0o600 }))
  assert.equal((await startPostgres({ dataDir })).wasRunning, false)
})

void test('a copy of the folder of a running server does not connect to that server', async (t) => {
  const dataDir = await createInitializedDir(t)
  const server = await startPostgres({ dataDir })
  const copy = join(dataDir, '..', 'copy')
  for (const name of ['postmaster.pid', 'PG_VERSION'])
    cpSync(join(dataDir, 'postgres', name), join(copy, 'postgres', name))
  for (const role of ['owner', 'app'])
    cpSync(join(dataDir, `postgres-${role}.password`), join(copy, `postgres-${role}.password`))
  assert.equal(isPostgresOf(server.pid, join(dataDir, 'postgres')), true)
  assert.equal(isPostgresOf(server.pid, join(copy, 'postgres')), false)
  assert.equal(await findPostgres(copy), undefined)
})

void test('a server whose socket is missing is stopped and started again', async (t) => {
  const dataDir = await createInitializedDir(t)
  const first = await startPostgres({ dataDir })
  rmSync(join(first.owner.host, '.s.PGSQL.5432'))
  const lines: string[] = []
  const second = await startPostgres({ dataDir, log: (line) => lines.push(line) })
  assert.equal(second.wasRunning, false)
  assert.equal(findProcessStart(first.pid), undefined)
  assert.match(lines.join(), /cannot be reached\. It is stopped and started again/)
  assert.deepEqual(await queryRows(second.app, 'select 1 as one'), [{ one: 1 }])
})

void test('draft folders of a killed first start are removed; those of a running start stay', async (t) => {
  const dataDir = createDataDir(t)
  const mine = join(dataDir, `postgres.new-${identifyProcess('-')}-abcdef`)
  const dead = join(dataDir, `postgres.new-${process.pid}-1-abcdef`)
  for (const path of [mine, dead]) mkdirSync(join(path, 'base'), { recursive: true })
  writeFileSync(join(dataDir, 'postgres-owner.password'), '')
  const server = await startPostgres({ dataDir })
  assert.deepEqual([existsSync(mine), existsSync(dead)], [true, false])
  assert.deepEqual(await queryRows(server.owner, 'select 1 as one'), [{ one: 1 }])
})

void test('a restored folder without its password files gets new ones', async (t) => {
  const dataDir = await createInitializedDir(t)
  const before = await startPostgres({ dataDir })
  await before.stop()
  for (const role of ['owner', 'app']) rmSync(join(dataDir, `postgres-${role}.password`))
  const after = await startPostgres({ dataDir })
  assert.notEqual(after.app.password, before.app.password)
  for (const role of [after.owner, after.app]) assert.deepEqual(await queryRows(role, 'select 1 as one'), [{ one: 1 }])
})

void test('a server in another container, where process ids mean nothing, keeps its folder', async (t) => {
  const dataDir = await createInitializedDir(t)
  const first = await startPostgres({ dataDir })
  const file = join(dataDir, 'postgres', 'postmaster.pid')
  const text = readFileSync(file, 'utf8')
  const inside = `import { startPostgres } from ${JSON.stringify(new URL('../postgres.ts', import.meta.url).href)}
    await startPostgres({ dataDir: ${JSON.stringify(dataDir)} }).catch((error) => console.log(error.code, error.message))`
  const args = [
    '--map-root-user',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    process.execPath,
    '--input-type=module',
    '-e',
    inside,
  ]
  const unshare = TOOLS.unshare.find((place) => existsSync(place))
  if (unshare === undefined) return t.skip('this system has no unshare')
  const result = spawnSync(unshare, args, { encoding: 'utf8', timeout: 60_000 })
  if (/Operation not permitted|cannot open/.test(result.stderr)) return t.skip('this system refuses process namespaces')
  assert.match(
    result.stdout,
    /^platform\.postgres-elsewhere Another PostgreSQL uses .*, perhaps in another container\. Stop/,
    result.stderr,
  )
  assert.equal(readFileSync(file, 'utf8'), text)
  assert.deepEqual(await queryRows(first.owner, 'select 1 as one'), [{ one: 1 }])
  await first.stop()
})
