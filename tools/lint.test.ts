import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'

const root = mkdtempSync(join(tmpdir(), 'purser-lint-'))
after(() => rmSync(root, { recursive: true, force: true }))
symlinkSync(resolve('node_modules'), join(root, 'node_modules'), 'junction')
for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) copyFileSync(file, join(root, file))

function writeSource(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function lint(): string {
  try {
    return execFileSync(join('node_modules', '.bin', 'oxlint'), ['--format=unix'], { cwd: root, encoding: 'utf8' })
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) return String(error.stdout)
    throw error
  }
}

/** Rules that need types report nothing when the linter cannot read types. This test proves that they report. */
test('the linter reports floating promises, missing switch cases, any and cycles', () => {
  writeSource('src/money/index.ts', `import { b } from '#ledger'\nexport const a = (): number => b()\n`)
  writeSource('src/ledger/index.ts', `import { a } from '#money'\nexport const b = (): number => a()\n`)
  writeSource('src/hub/index.ts', BAD)
  writeSource('src/hub/post.test.ts', GOOD)
  const lines = lint().split('\n')
  const assertReported = (line: number, rule: string): void =>
    assert.ok(
      lines.some((text) => text.startsWith(`src/hub/index.ts:${line}:`) && text.endsWith(`(${rule})]`)),
      `no ${rule} in line ${line}\n${lines.join('\n')}`,
    )
  assertReported(4, 'no-floating-promises')
  assertReported(5, 'no-misused-promises')
  assertReported(6, 'switch-exhaustiveness-check')
  assertReported(12, 'no-unsafe-member-access')
  assertReported(13, 'no-console')
  assertReported(13, 'no-restricted-globals')
  assert.equal(lines.filter((text) => text.includes('import(no-cycle)')).length, 2)
  assert.deepEqual(
    lines.filter((text) => text.startsWith('src/hub/post.test.ts')),
    [],
  )
})

const BAD = `type Word = 'a' | 'b'
const later = async (): Promise<number> => Promise.resolve(1)
export function run(word: Word, text: string): number {
  later()
  ;[1].forEach(async () => void (await later()))
  switch (word) {
    case 'a':
      return 1
    default:
  }
  const read = JSON.parse(text)
  const name: unknown = read.name
  console.log(name, fetch)
  return 0
}
`

const GOOD = `import assert from 'node:assert/strict'
import { test } from 'node:test'
test('a test is started, not awaited', async () => assert.equal(await Promise.resolve(1), 1))
`
