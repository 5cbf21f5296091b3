import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { tidy } from './tidy/rules.ts'

const LEFT_OUT = new Set(['.git', 'node_modules', 'data', 'test-results', 'results'])
const root = mkdtempSync(join(tmpdir(), 'purser-rail-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Its tests are a run of their own, though this one is part of a run. */
const { NODE_TEST_CONTEXT: _, ...outside } = process.env
const PATH = [resolve('node_modules', '.bin'), dirname(process.execPath), process.env.PATH].join(delimiter)
const env = { ...outside, PATH }

/** Throws with all that was said. */
async function run(program: string, ...args: string[]): Promise<string> {
  const done = promisify(execFile)(program, args, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 })
  const { stdout } = await done.catch((error: unknown) => {
    const said = error as { stdout?: string; stderr?: string }
    assert.fail(`${program} ${args.join(' ')}\n${said.stdout ?? ''}\n${said.stderr ?? ''}`)
  })
  return stdout
}

test('a new rail is whole: its types, its shape, its contract over its simulator', { timeout: 300_000 }, async () => {
  cpSync('.', root, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) })
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'), 'junction')
  const said = await run(process.execPath, 'tools/generate.ts', 'rail', 'pesapoint')
  const files = [...said.matchAll(/^ {2}(\S+)$/gm)].map(([, path = '']) => path)
  assert.ok(files.length >= 15, said)
  assert.match(readFileSync(join(root, 'src/payments/rails/index.ts'), 'utf8'), /pesapoint\]/)
  assert.match(readFileSync(join(root, '.env.example'), 'utf8'), /PESAPOINT_API_KEY/)

  assert.deepEqual(
    files.flatMap((path) => tidy(path, readFileSync(join(root, path), 'utf8'))),
    [],
  )
  await run('prettier', '--check', ...files)
  await run('tsc', '--pretty', 'false')
  await run('oxlint', '--threads=1', 'src/payments/rails', 'src/sandbox')
  const folder = 'src/payments/rails/pesapoint'
  const tests = await run(process.execPath, '--test', `${folder}/contract.test.ts`, `${folder}/pesapoint.test.ts`)
  assert.match(tests, /# pass [1-9]|pass [1-9]/)
  assert.match(tests, /fail 0/)

  await assert.rejects(run(process.execPath, 'tools/generate.ts', 'rail', 'pesapoint'), /is there already/)
  await assert.rejects(run(process.execPath, 'tools/generate.ts', 'rail', '../x'), /is no name of a rail/)
  assert.ok(!existsSync(join(root, 'src/payments/x')))
})
