// node tools/generate.ts          writes the generated files
// node tools/generate.ts --check  fails when one is stale
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { GENERATORS } from './generators.ts'

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const stale: string[] = []
for (const { path, make } of GENERATORS) {
  const text = await make()
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  stale.push(path)
  if (values.check) continue
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
if (values.check && stale.length > 0) {
  console.error(`Stale: ${stale.join(', ')}. Write them with \`npm run generate\` and commit them.`)
  process.exitCode = 1
} else {
  console.log(stale.length > 0 ? `Wrote ${stale.join(', ')}` : `${GENERATORS.length} generated files are fresh`)
}
