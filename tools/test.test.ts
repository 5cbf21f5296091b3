import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { findPostgres } from '#platform/database/postgres'
import { waitFor } from '../test/wait.ts'

const root = mkdtempSync(join(tmpdir(), 'purser-runner-'))
after(() => rmSync(root, { recursive: true, force: true }))

interface Ran {
  output: string
  last: string | undefined
  code: number
}

function writeTests(files: Record<string, string>): string {
  const folder = mkdtempSync(join(root, 'tree-'))
  mkdirSync(join(folder, 'src'))
  for (const [name, body] of Object.entries(files)) {
    writeFileSync(join(folder, 'src', `${name}.test.ts`), `import { test } from 'node:test'\n${body}\n`)
  }
  return folder
}

const RUNNER = join(import.meta.dirname, 'test.ts')
/** Environment without NODE_TEST_CONTEXT, which would make the runner act as a test. */
const { NODE_TEST_CONTEXT: _, ...env } = process.env

/** Starts the test runner over these test files, as a shell does. */
async function runOver(files: Record<string, string>, args: readonly string[] = [], ci = 'false'): Promise<Ran> {
  const command = [RUNNER, '--no-database', ...args]
  const cwd = writeTests(files)
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd, env: { ...env, CI: ci } }, (error, stdout) => {
      const code = error ? Number(error.code) : 0
      resolve({ output: stdout, last: stdout.trimEnd().split('\n').at(-1), code })
    })
  })
}

test('the last line counts tests, and skipped tests are listed with their reason', async () => {
  const { output, last, code } = await runOver({
    one: `test('a', () => {}); test('b', (t) => t.skip('no Redis here'))`,
    two: `test('c', async (t) => { await t.test('d', () => {}) })`,
  })
  assert.equal(last, '3 passed, 0 failed, 1 skipped')
  assert.match(output, /src\/one\.test\.ts {2}b: no Redis here/)
  assert.equal(code, 0)
})

test('diagnostics are printed below the line of their file', async () => {
  const { output } = await runOver({ one: `test('a', (t) => t.diagnostic('12 requests'))` })
  assert.match(output, /src\/one\.test\.ts .*\n {2}12 requests\n/)
})

test('a failure is printed in full, counts once and fails the run', async () => {
  const { output, last, code } = await runOver({
    one: `test('parent', async (t) => { await t.test('child', () => { console.log('heard'); throw new Error('boom', { cause: new Error('inner') }) }) })`,
    two: `test('fine', () => {})`,
  })
  assert.equal(last, '1 passed, 1 failed')
  assert.match(output, /FAILED src\/one\.test\.ts:2 {2}child\n {2}Error: boom/)
  assert.match(output, /inner/)
  assert.match(output, /heard/)
  assert.equal(code, 1)
})

test('a file fails when it throws at load, holds no test, exits or keeps running', async () => {
  const { output, last } = await runOver({
    breaks: `throw new Error('at load')`,
    empty: ``,
    exits: `test('first', () => {}); process.exit(0)`,
    late: `test('done', () => { setTimeout(() => void Promise.reject(new Error('late')), 5) })`,
    open: `test('leaks', () => { setInterval(() => {}, 1000) })`,
  })
  assert.match(output, /at load/)
  assert.match(output, /FAILED src\/empty\.test\.ts {2}holds no test/)
  assert.match(output, /FAILED src\/exits\.test\.ts {2}/)
  assert.match(output, /Error: late/)
  assert.match(output, /did not end 3 s after its last test; still open: .*Timeout/)
  assert.match(last ?? '', / 5 failed$/)
})

test('a run without any test fails', async () => {
  assert.equal((await runOver({})).code, 1)
  const filtered = await runOver({ one: `test('a', () => {})` }, ['src/other'])
  assert.match(filtered.output, /No test file matches src\/other/)
  assert.equal(filtered.code, 1)
  const skipped = await runOver({ one: `test('a', (t) => t.skip('no reason'))` })
  assert.equal(skipped.last, '0 passed, 0 failed, 1 skipped')
  assert.equal(skipped.code, 1)
})

test('paths and names select tests', async () => {
  const files = { one: `test('a', () => {}); test('b', () => {})`, two: `test('c', () => {})` }
  assert.equal((await runOver(files, ['src/one'])).last, '2 passed, 0 failed')
  assert.equal((await runOver(files, ['src/one', '--name', '^b$'])).last, '1 passed, 0 failed')
})

test('a browser test may be skipped, but not in CI', async () => {
  const files = { one: `test('a', () => {}); test('page', (t) => t.skip('no browser: install one'))` }
  assert.equal((await runOver(files)).last, '1 passed, 0 failed, 1 skipped')
  const inCi = await runOver(files, [], 'true')
  assert.equal(inCi.last, '1 passed, 1 failed')
  assert.match(inCi.output, /no browser: install one/)
})

/** Starts a run and waits until it is inside its only test. Returns the data folder and process id of its PostgreSQL. */
async function startRun(t: TestContext): Promise<{ runner: ChildProcess; dataDir: string; postgres: number }> {
  const cwd = writeTests({
    one: `import { writeFileSync } from 'node:fs'
      test('waits', { timeout: 10_000 }, async () => {
        writeFileSync('connections', process.env.PURSER_TEST_POSTGRES)
        await new Promise(() => setInterval(() => {}, 1000))
      })`,
  })
  const runner = spawn(process.execPath, [RUNNER], { cwd, env, stdio: 'ignore' })
  t.after(() => runner.kill('SIGTERM'))
  const connections = join(cwd, 'connections')
  await waitFor(
    'the test to start',
    () => existsSync(connections) && readFileSync(connections, 'utf8').endsWith('}'),
    30_000,
  )
  const dataDir = readdirSync(tmpdir()).find((name) => name.startsWith(`purser-run-${String(runner.pid)}-`))
  assert.ok(dataDir)
  const postgres = await findPostgres(join(tmpdir(), dataDir))
  assert.ok(postgres)
  return { runner, dataDir: join(tmpdir(), dataDir), postgres: postgres.pid }
}

/** Returns whether the process runs. A zombie does not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

test('an interrupted run stops its PostgreSQL and removes its folder, although npm repeats the signal', async (t) => {
  const { runner, dataDir, postgres } = await startRun(t)
  assert.equal(isRunning(postgres), true)
  const ended = once(runner, 'exit')
  // Repeats stop before one second has passed: later ones would count as another Ctrl-C.
  const again = setInterval(() => runner.kill('SIGINT'), 10)
  setTimeout(() => clearInterval(again), 500)
  assert.deepEqual(await ended, [null, 'SIGINT'])
  assert.equal(existsSync(dataDir), false)
  assert.equal(isRunning(postgres), false)
})

test('a run removes the PostgreSQL and the folder of a run that was killed', async (t) => {
  const killed = await startRun(t)
  killed.runner.kill('SIGKILL')
  await once(killed.runner, 'exit')
  assert.equal(isRunning(killed.postgres), true)
  const next = await startRun(t)
  assert.equal(existsSync(killed.dataDir), false)
  assert.equal(isRunning(killed.postgres), false)
  next.runner.kill('SIGTERM')
  await once(next.runner, 'exit')
})
