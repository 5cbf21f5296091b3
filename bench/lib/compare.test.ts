import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startPostgres } from '#platform/database/postgres'
import { checkOutCommit } from './checkout.ts'
import { parseCommand } from './command.ts'
import type { Rates } from './drive.ts'
import { LOADS } from './loads.ts'
import { runPairs } from './pairs.ts'
import { startProgram } from './program.ts'
import { requireFigures } from './result.ts'
import { stopPostgresIn } from './sides.ts'
import { judgeRatios } from './statistics.ts'

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'purser-bench-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Source of a program that serves the payments API as Purser does, with a delay before each response. */
const renderProgram = (delayMs: number): string => `const { createServer } = require('node:http')
const answer = (request, response) => {
  request.resume()
  const end = () => response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-length': 2 }).end('{}')
  if (request.url === '/health') end()
  else setTimeout(end, Number(process.env.DELAY_MS ?? ${delayMs}))
}
createServer(answer).listen(process.env.PORT, process.env.HOST)
`

/** Creates a repository with a slow and a fast commit. `lock`: version in the lock file of the second commit, if it differs. */
function makeRepository(
  t: TestContext,
  { lock = '' } = {},
): { repository: string; git: (...args: string[]) => string } {
  const repository = makeFolder(t)
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false']
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repository, ...identity, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim()
  git('init', '--quiet')
  const commit = (files: Readonly<Record<string, string>>, subject: string): void => {
    mkdirSync(join(repository, 'bin'), { recursive: true })
    for (const [path, text] of Object.entries(files)) writeFileSync(join(repository, path), text)
    git('add', '--all')
    git('commit', '--quiet', '-m', subject)
  }
  const lockOf = (version: string): string =>
    JSON.stringify({
      name: 'shop',
      version,
      lockfileVersion: 3,
      requires: true,
      packages: { '': { name: 'shop', version } },
    })
  const base = { '.gitignore': 'node_modules\n', 'package.json': '{"name":"shop","version":"1.0.0"}' }
  commit({ ...base, 'package-lock.json': lockOf('1.0.0'), 'bin/purser.js': renderProgram(20) }, 'slow')
  commit({ 'bin/purser.js': renderProgram(2), ...(lock ? { 'package-lock.json': lockOf(lock) } : {}) }, 'fast')
  mkdirSync(join(repository, 'node_modules'))
  writeFileSync(join(repository, 'node_modules/marker'), 'of the repository')
  return { repository, git }
}

test('a commit with an equal lock file uses the packages of the repository, which its removal keeps', async (t) => {
  const { repository, git } = makeRepository(t)
  const folder = makeFolder(t)
  await using cleanup = new AsyncDisposableStack()
  const defer = (undo: () => Promise<void>): void => cleanup.defer(undo)
  const found = await checkOutCommit({ repository, ref: 'HEAD~1', folder, defer, log: assert.fail })
  assert.match(found.title, /^[0-9a-f]{7,} slow$/)
  assert.equal(readFileSync(join(folder, 'node_modules/marker'), 'utf8'), 'of the repository')
  assert.equal(readFileSync(join(folder, 'bin/purser.js'), 'utf8'), renderProgram(20))
  assert.match(git('worktree', 'list'), new RegExp(folder))
  await cleanup.disposeAsync()
  assert.equal(existsSync(folder), false)
  assert.equal(git('worktree', 'list').split('\n').length, 1)
  assert.ok(existsSync(join(repository, 'node_modules/marker')))
})

test('a commit with another lock file gets its own packages', async (t) => {
  const { repository, git } = makeRepository(t, { lock: '2.0.0' })
  const folder = makeFolder(t)
  await using cleanup = new AsyncDisposableStack()
  const lines: string[] = []
  const log = (line: string): void => void lines.push(line)
  await checkOutCommit({ repository, ref: 'HEAD~1', folder, defer: (undo) => cleanup.defer(undo), log })
  assert.deepEqual(lines, ['npm ci for HEAD~1, because its package-lock.json differs'])
  assert.equal(existsSync(join(folder, 'node_modules/marker')), false)
  await cleanup.disposeAsync()
  assert.equal(git('worktree', 'list').split('\n').length, 1)
})

test('a commit that git does not know is refused and leaves no worktree', async (t) => {
  const { repository, git } = makeRepository(t)
  const options = { repository, folder: makeFolder(t), defer: () => assert.fail(), log: assert.fail }
  await assert.rejects(checkOutCommit({ ...options, ref: 'nowhere' }), /git does not know the commit nowhere/)
  assert.equal(git('worktree', 'list').split('\n').length, 1)
})

test('a slower commit is judged slower, a faster one is not, and a setting reaches one side only', async (t) => {
  const { repository } = makeRepository(t)
  await using cleanup = new AsyncDisposableStack()
  const defer = (undo: () => unknown): void => cleanup.defer(async () => void (await undo()))
  const folder = makeFolder(t)
  await checkOutCommit({ repository, ref: 'HEAD~1', folder, defer, log: assert.fail })
  const slow = await startProgram({ defer }, folder, { dataDir: makeFolder(t) })
  const fast = await startProgram({ defer }, repository, { dataDir: makeFolder(t) })
  const set = await startProgram({ defer }, repository, { dataDir: makeFolder(t), DELAY_MS: '80' })
  const ratiosOf = async (base: typeof slow, current: typeof slow): Promise<number[]> => {
    const timing = { lanes: 2, durationMs: 80 }
    const run = { base: () => LOADS.payments(base, timing), current: () => LOADS.payments(current, timing) }
    return (await runPairs(run, 10)).map(({ ratio }) => ratio)
  }
  const ratios = await ratiosOf(fast, slow)
  const worse = judgeRatios(ratios)
  assert.ok(!worse.notSlower && worse.median < 0.8, `median ${worse.median}`)
  const better = judgeRatios(ratios.map((ratio) => 1 / ratio))
  assert.ok(better.notSlower && better.median > 1.25, `median ${better.median}`)
  const setting = judgeRatios(await ratiosOf(slow, set))
  assert.ok(!setting.notSlower && setting.median < 0.8, `median ${setting.median}`)
})

test('a PostgreSQL that a program left running is stopped', async (t) => {
  const dataDir = makeFolder(t)
  const { pid } = await startPostgres({ dataDir })
  await stopPostgresIn(dataDir)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  await stopPostgresIn(dataDir)
})

test('pairs are interleaved and alternate which side runs first', async () => {
  const order: string[] = []
  const side = (name: string, perSecond: number) => (): Promise<Rates> => {
    order.push(name)
    return Promise.resolve({ perSecond, p50Us: 1, p95Us: 1, p99Us: 1, acts: 1 })
  }
  const pairs = await runPairs({ base: side('base', 200), current: side('current', 100) }, 3)
  assert.deepEqual(order, ['base', 'current', 'current', 'base', 'base', 'current'])
  assert.deepEqual(
    pairs.map(({ base, current, ratio }) => [base.perSecond, current.perSecond, ratio]),
    [1, 2, 3].map(() => [200, 100, 0.5]),
  )
})

test('the command line selects benchmarks and comparisons', () => {
  const known = ['ledger', 'payments']
  const parse = (text: string): unknown => parseCommand(text.split(' ').filter(Boolean), known)
  assert.equal(parse(''), undefined)
  assert.deepEqual(parse('payments'), { quick: false, names: ['payments'] })
  assert.deepEqual(parse('all'), { quick: false, names: known })
  const defaults = { env: { base: {}, current: {} }, connections: [50], pairs: 12, durationMs: 3000 }
  assert.deepEqual(parse('all --quick'), {
    quick: true,
    names: known,
    comparison: { ...defaults, load: 'payments', base: undefined, pairs: 6, durationMs: 200 },
  })
  assert.deepEqual(parse('compare payments --base HEAD~3'), {
    quick: false,
    names: [],
    comparison: { ...defaults, load: 'payments', base: 'HEAD~3' },
  })
  assert.deepEqual(parse('compare list --env A=b=c --base-env B= --connections 1,10 --pairs 20 --seconds 0.5'), {
    quick: false,
    names: [],
    comparison: {
      ...{ load: 'list', base: undefined, env: { base: { B: '' }, current: { A: 'b=c' } } },
      ...{ connections: [1, 10], pairs: 20, durationMs: 500 },
    },
  })
  const wrong = {
    nothing: /There is no benchmark nothing/,
    compare: /Name one load: payments/,
    'compare ledger': /Name one load/,
    'payments --base HEAD': /payments takes no other option/,
    'payments ledger': /payments takes no other option/,
    'compare payments --pairs 1.5': /--pairs takes a whole number, not 1.5/,
    'compare payments --seconds -1': /seconds/,
    'compare payments --env A': /A setting is written NAME=value, not A/,
    'all --fast': /--fast/,
  }
  for (const [text, message] of Object.entries(wrong)) assert.match(String(parse(text)), message, text)
})

test('a result without rows or with a figure that is not a number is refused', () => {
  const table = { title: 'T', columns: ['a'], rows: [['1']] }
  requireFigures({ tables: [table], bounds: [] })
  assert.throws(() => requireFigures({ tables: [], bounds: [] }), /no table/)
  assert.throws(() => requireFigures({ tables: [{ ...table, rows: [] }], bounds: [] }), /"T" has no rows/)
  assert.throws(() => requireFigures({ tables: [{ ...table, rows: [['NaN ms']] }], bounds: [] }), /the figure NaN ms/)
})
