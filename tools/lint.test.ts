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

function plant(path: string, text: string): void {
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

/** Rules that need types are silent, not loud, when the linter cannot read them: so it is shown that they bite. */
test('the linter reads types: unwatched promises, missed cases, any, cycles', () => {
  plant('src/money/index.ts', `import { b } from '#ledger'\nexport const a = (): number => b()\n`)
  plant('src/ledger/index.ts', `import { a } from '#money'\nexport const b = (): number => a()\n`)
  plant('src/hub/index.ts', BAD)
  plant('src/hub/post.test.ts', GOOD)
  const lines = lint().split('\n')
  const bites = (line: number, rule: string): void =>
    assert.ok(
      lines.some((said) => said.startsWith(`src/hub/index.ts:${line}:`) && said.endsWith(`(${rule})]`)),
      `${rule} in line ${line}\n${lines.join('\n')}`,
    )
  bites(4, 'no-floating-promises')
  bites(5, 'no-misused-promises')
  bites(6, 'switch-exhaustiveness-check')
  bites(12, 'no-unsafe-member-access')
  bites(13, 'no-console')
  bites(13, 'no-restricted-globals')
  assert.equal(lines.filter((said) => said.includes('import(no-cycle)')).length, 2)
  assert.deepEqual(
    lines.filter((said) => said.startsWith('src/hub/post.test.ts')),
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
