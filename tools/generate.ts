// node tools/generate.ts              writes the generated files
// node tools/generate.ts --check      fails when one is stale
// node tools/generate.ts rail NAME    writes the folder of a new rail, its simulator and tests, and adds it to the lists
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { GENERATORS } from './generators.ts'

const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [what, name = '', ...rest] = positionals
if (what === 'rail' && rest.length === 0) await newRail(name)
else if (what !== undefined) throw new Error(`There is nothing to generate by "${positionals.join(' ')}": rail NAME`)
else await generate()

/** What was written is formatted, and what is generated from the list of rails is generated anew, by a process that knows the new one. */
async function newRail(rail: string): Promise<void> {
  const { writeRail } = await import('./newrail.ts')
  const written = writeRail(rail)
  execFileSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level=warn', ...written])
  console.log(`Wrote\n  ${written.join('\n  ')}`)
  execFileSync(process.execPath, [import.meta.filename], { stdio: 'inherit' })
  console.log(`Next: node tools/test.ts src/rails/${rail}, and src/rails/${rail}/README.md`)
}

async function generate(): Promise<void> {
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
}
