import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UNKNOWN_UID, unreadable } from '../../../../test/process.ts'
import { chooseAccount, TOOLS } from './account.ts'
import { appError, queryRows, createDataDir, createInitializedDir, runProgram } from './fixture.ts'
import { start } from './start.ts'

const NO_UNSHARE = { ...TOOLS, unshare: [] }
const isRoot = process.getuid?.() === 0
const notRoot = !isRoot && 'only root can become another user'
const notLinux = process.platform !== 'linux' && 'only for Linux'
const cannotRead =
  isRoot &&
  spawnSync(process.execPath, ['--version'], { uid: UNKNOWN_UID, gid: UNKNOWN_UID, cwd: '/' }).status !== 0 &&
  'another user cannot read this checkout'
const needsUser = notRoot || notLinux || cannotRead || unreadable
const noSetpriv = !TOOLS.setpriv.some((path) => existsSync(path)) && 'this system has no setpriv'

const started = `const s = await pg.startPostgres({ dataDir }); const { wasRunning } = s; await s.stop(); say({ wasRunning })`

void test('an ordinary user runs PostgreSQL on an owned folder', { skip: needsUser }, async (t) => {
  const dataDir = createDataDir(t)
  mkdirSync(dataDir)
  chownSync(dataDir, UNKNOWN_UID, UNKNOWN_UID)
  assert.deepEqual(await runProgram(t, dataDir, started, UNKNOWN_UID).next(), { wasRunning: false })
  for (const name of readdirSync(dataDir)) assert.equal(statSync(join(dataDir, name)).uid, UNKNOWN_UID, name)

  // When root starts it on the same folder, the server runs as the user, who can use the folder afterwards.
  const lines: string[] = []
  const server = await start({ dataDir, log: (line) => lines.push(line) })
  assert.match(lines.join(), /runs as user 54321, because this user owns its data/)
  assert.equal(statSync(`/proc/${server.pid}`).uid, UNKNOWN_UID)
  await queryRows(server.owner, 'create table kept as select 1 as id')
  await server.stop()
  for (const name of readdirSync(dataDir)) assert.equal(statSync(join(dataDir, name)).uid, UNKNOWN_UID, name)
  assert.deepEqual(await runProgram(t, dataDir, started, UNKNOWN_UID).next(), { wasRunning: false })
})

void test("an ordinary user gets an error of one line for root's folders", { skip: needsUser }, async (t) => {
  const dataDir = createDataDir(t)
  const below = await runProgram(t, dataDir, started, UNKNOWN_UID).next()
  assert.equal(below.code, 'platform.postgres-bad-folder')
  assert.match(String(below.message), /cannot be used by user 54321\. Set DATA_DIR/)
  mkdirSync(join(dataDir, 'postgres'), { recursive: true })
  const inside = await runProgram(t, dataDir, started, UNKNOWN_UID).next()
  assert.equal(inside.code, 'platform.postgres-bad-folder')
  assert.match(String(inside.message), /belongs to user 0, not to 54321\. Run Purser as that user/)
})

void test(
  "root's server does not run as root, and root owns all its files",
  { skip: notRoot || notLinux },
  async (t) => {
    const dataDir = await createInitializedDir(t)
    const { prefix } = chooseAccount(join(dataDir, 'postgres'))
    const server = await start({ dataDir })
    if (!prefix[0]?.endsWith('unshare')) return t.skip('this system refuses user namespaces')
    for (const name of readdirSync(dataDir)) assert.equal(statSync(join(dataDir, name)).uid, 0, name)
    const { stdout } = spawnSync('/bin/cat', [`/proc/${server.pid}/uid_map`], { encoding: 'utf8' })
    assert.match(stdout, /^\s*65534\s+0\s+1\s*$/)
  },
)

void test(
  'without user namespaces, root runs PostgreSQL as nobody on the same folder',
  { skip: notRoot || notLinux || noSetpriv },
  async (t) => {
    const dataDir = await createInitializedDir(t)
    const lines: string[] = []
    const log = (line: string): void => void lines.push(line)
    const before = await start({ dataDir })
    await queryRows(before.owner, 'create table kept as select 1 as id')
    await before.stop()
    const server = await start({ dataDir, log }, NO_UNSHARE)
    assert.match(lines.join(), /runs as user 65534/)
    assert.equal(statSync(`/proc/${server.pid}`).uid, 65534)
    assert.deepEqual(await queryRows(server.owner, 'select id from kept'), [{ id: 1 }])
    const existing = await start({ dataDir })
    assert.deepEqual([existing.pid, existing.wasRunning], [server.pid, true])
    await server.stop()
    const after = await start({ dataDir })
    assert.deepEqual(await queryRows(after.owner, 'select id from kept'), [{ id: 1 }])
  },
)

void test(
  'a first start as nobody works, and without any way the error is one line',
  { skip: notRoot || notLinux || noSetpriv },
  async (t) => {
    const dataDir = createDataDir(t)
    const nothing = { unshare: ['/nonexistent'], setpriv: ['/bin/false'] }
    await assert.rejects(
      start({ dataDir }, nothing),
      appError('platform.postgres-root', /Start Purser as an ordinary user/),
    )
    const server = await start({ dataDir }, NO_UNSHARE)
    assert.deepEqual(await queryRows(server.app, 'select 1 as one'), [{ one: 1 }])
  },
)
