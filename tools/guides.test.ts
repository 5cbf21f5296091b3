import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')
/** Number of items of each guide. */
const ITEMS = [55, 36, 46, 37, 50]

void test('docs/guides.md lists every item of the guides, and the tests that it names exist', () => {
  const rows = readFileSync(join(ROOT, 'docs/guides.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| G\d/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  assert.deepEqual(
    rows.map(([, id]) => id),
    ITEMS.flatMap((count, i) => Array.from({ length: count }, (_, n) => `G${i + 1}.${n + 1}`)),
  )
  const wrong = rows.flatMap(([, id = '', holds = '', where = '', proof = '']) => {
    const file = proof.replaceAll('`', '')
    if (!['works', 'partly', 'no'].includes(holds))
      return [`${id}: the status must be works, partly or no, not ${holds}`]
    if (holds === 'works' && file === '') return [`${id}: works needs a test`]
    if (where === '') return [`${id}: name where it is built`]
    return file !== '' && !existsSync(join(ROOT, file)) ? [`${id}: ${file} does not exist`] : []
  })
  assert.deepEqual(wrong, [])
})
