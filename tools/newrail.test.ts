import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { tidy } from './tidy/rules.ts'

const NOT_COPIED = new Set(['.git', 'node_modules', 'data', 'test-results', 'results'])
const root = mkdtempSync(join(tmpdir(), 'purser-rail-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Starts the new rail's tests as a separate test run, not as part of this one. */
const { NODE_TEST_CONTEXT: _, ...outside } = process.env
const PATH = [resolve('node_modules', '.bin'), dirname(process.execPath), process.env.PATH].join(delimiter)
const env = { ...outside, PATH }

/** Runs a program and returns its output. Fails with the complete output if the program fails. */
async function run(program: string, ...args: string[]): Promise<string> {
  const done = promisify(execFile)(program, args, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 })
  const { stdout } = await done.catch((error: unknown) => {
    const output = error as { stdout?: string; stderr?: string }
    assert.fail(`${program} ${args.join(' ')}\n${output.stdout ?? ''}\n${output.stderr ?? ''}`)
  })
  return stdout
}

test(
  'a generated rail passes the type check, the lint rules and the contract suites',
  { timeout: 300_000 },
  async () => {
    cpSync('.', root, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) })
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'), 'junction')
    const output = await run(process.execPath, 'tools/generate.ts', 'rail', 'pesapoint')
    const files = [...output.matchAll(/^ {2}(\S+)$/gm)].map(([, path = '']) => path)
    assert.ok(files.length >= 15, output)
    assert.match(readFileSync(join(root, 'src/rails/index.ts'), 'utf8'), /pesapoint\]/)
    assert.match(readFileSync(join(root, '.env.example'), 'utf8'), /PESAPOINT_API_KEY/)

    assert.deepEqual(
      files.flatMap((path) => tidy(path, readFileSync(join(root, path), 'utf8'))),
      [],
    )
    await run('prettier', '--check', ...files)
    await run('tsc', '--pretty', 'false')
    await run('oxlint', '--threads=1', 'src/rails', 'src/sandbox')
    const folder = 'src/rails/pesapoint'
    const tests = await run(process.execPath, '--test', `${folder}/contract.test.ts`, `${folder}/pesapoint.test.ts`)
    assert.match(tests, /# pass [1-9]|pass [1-9]/)
    assert.match(tests, /fail 0/)

    await assert.rejects(run(process.execPath, 'tools/generate.ts', 'rail', 'pesapoint'), /already exists/)
    await assert.rejects(run(process.execPath, 'tools/generate.ts', 'rail', '../x'), /is not a valid rail name/)
    assert.ok(!existsSync(join(root, 'src/x')))
  },
)
