import assert from 'node:assert/strict'
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { findPostgres, startPostgres } from '../postgres.ts'
import { makeLinks } from './binaries.ts'
import { explainFolder, explainOutput } from './failures.ts'
import { appError, createDataDir, createInitializedDir } from './fixture.ts'
import { findFolder, openSocketFolder } from './folder.ts'

const account = { prefix: [] }

void test('a data folder of another major version is refused and not changed', async (t) => {
  const dataDir = createDataDir(t)
  mkdirSync(join(dataDir, 'postgres'), { recursive: true })
  writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '17\n')
  const wrong = appError(
    'platform.postgres-wrong-version',
    /created by PostgreSQL 17, but this version of Purser includes PostgreSQL 18/,
  )
  await assert.rejects(startPostgres({ dataDir }), wrong)
})

void test('a folder with other files is refused', async (t) => {
  const dataDir = createDataDir(t)
  mkdirSync(join(dataDir, 'postgres'), { recursive: true })
  writeFileSync(join(dataDir, 'postgres', 'notes.txt'), 'mine')
  await assert.rejects(startPostgres({ dataDir }), appError('platform.postgres-bad-folder', /no PostgreSQL database/))
})

void test('the error names a file at the path of the folder or of its parent', async (t) => {
  const dataDir = createDataDir(t)
  writeFileSync(dataDir, '')
  const isFile = appError('platform.postgres-bad-folder', /data(\/below)? is not a folder\. Move the file/)
  await assert.rejects(startPostgres({ dataDir }), isFile)
  await assert.rejects(startPostgres({ dataDir: join(dataDir, 'below') }), isFile)
  assert.equal(await findPostgres(join(dataDir, 'below')), undefined)
  rmSync(dataDir)
})

void test(
  'the error says to set DATA_DIR where no folder can be created',
  { skip: process.platform !== 'linux' },
  async () => {
    await assert.rejects(
      startPostgres({ dataDir: '/proc/purser' }),
      appError('platform.postgres-bad-folder', /DATA_DIR/),
    )
  },
)

void test('the error of a failed start quotes PostgreSQL', async (t) => {
  const dataDir = await createInitializedDir(t)
  const settings = { shared_buffers: 'plenty' }
  const why = /invalid value for parameter "shared_buffers": "plenty".*\(full log: .*postgres\.log\)/
  await assert.rejects(startPostgres({ dataDir, settings }), appError('platform.postgres-start-failed', why))
  await (await startPostgres({ dataDir })).stop()
})

void test('the error names a password file with a wrong password', async (t) => {
  const dataDir = await createInitializedDir(t)
  await startPostgres({ dataDir })
  writeFileSync(join(dataDir, 'postgres-owner.password'), 'another\n')
  await assert.rejects(
    startPostgres({ dataDir }),
    appError('platform.postgres-wrong-password', /postgres-owner\.password/),
  )
})

void test('full disks and unusable programs are recognised in the output', () => {
  const full =
    '2026-01-01 00:00:00.000 UTC [7] FATAL:  could not write lock file "postmaster.pid": No space left on device\n'
  appError(
    'platform.postgres-disk-full',
    /the disk of .*log is full\. free some space/i,
  )(explainOutput(full, '/data/postgres.log'))
  const musl = 'unshare: failed to execute /x/postgres: No such file or directory\n'
  appError('platform.postgres-no-binaries', /set DATABASE_URL/)(explainOutput(musl, 'log'))
  const noSpace = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  appError('platform.postgres-disk-full', /disk of \/data is full/)(explainFolder(noSpace, '/data'))
  const long = `${'LOG:  noise\n'.repeat(50)}FATAL:  ${'word '.repeat(1000)}\nSTATEMENT:  select secret\n`
  const { message } = explainOutput(long, 'log')
  assert.ok(message.length < 500 && !message.includes('secret') && !message.includes('noise'), message)
  const bug = new TypeError('a bug')
  assert.equal(explainFolder(bug, '/data'), bug)
})

void test('a socket folder that another user created is refused', (t) => {
  const dataDir = createDataDir(t, 'a'.repeat(100))
  mkdirSync(dataDir)
  const folder = findFolder(dataDir)
  assert.ok(folder)
  const temporary = mkdtempSync(join(tmpdir(), 'purser-test-'))
  t.after(() => rmSync(temporary, { recursive: true }))
  const path = openSocketFolder(folder, account, temporary)
  assert.equal(join(temporary, basename(path)), path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  const refused = appError('platform.postgres-bad-folder', /belongs to another user\. Remove it/)
  if (process.getuid?.() === 0) {
    chownSync(path, 54321, 54321)
    assert.throws(() => openSocketFolder(folder, account, temporary), refused)
  }
  rmSync(path, { recursive: true })
  symlinkSync(tmpdir(), path)
  assert.throws(() => openSocketFolder(folder, account, temporary), refused)
})

void test('the links that npm packages cannot contain are created once', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'purser-test-'))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'native', 'lib'), { recursive: true })
  writeFileSync(join(root, 'native', 'lib', 'libpq.so.5.18'), 'library')
  const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }]
  writeFileSync(join(root, 'native', 'pg-symlinks.json'), JSON.stringify(links))
  for (const _ of [1, 2]) makeLinks(root)
  assert.equal(statSync(join(root, 'native', 'lib', 'libpq.so.5')).size, 'library'.length)
})
