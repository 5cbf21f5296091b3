// npm test -- [part of a path …] [--name pattern] [--no-database]
import { parseArgs } from 'node:util'
import { countsLine } from './testing/report.ts'
import { runTests } from './testing/run.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: { name: { type: 'string' }, database: { type: 'boolean', default: true } },
})
const counts = await runTests({
  filters: positionals,
  database: values.database,
  needsBrowser: process.env.CI === 'true',
  ...(values.name === undefined ? {} : { name: values.name }),
})
console.log(`\n${countsLine(counts)}`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
