// npm run check [-- step …]: exactly what CI runs. Static checks two at a time, then all tests, then a quick run of every benchmark.
import { execFile } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { countsLine } from './testing/report.ts'
import { runTests } from './testing/run.ts'

const STEPS: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  types: ['tsc', '--pretty', 'false'],
  lint: ['oxlint', '--threads=1'],
  unused: ['knip', '--no-progress'],
  format: ['prettier', '--check', '--log-level=warn', '.'],
  generated: [process.execPath, 'tools/generate.ts', '--check'],
  subjects: [process.execPath, 'tools/subjects.ts'],
  bench: [process.execPath, 'bench/run.ts', 'all', '--quick'],
}
/** Steps that load both cores: they run alone, after the tests. */
const ALONE = ['bench']
const STEP_LIMIT_MS = 5 * 60_000
/** Puts this Node first on PATH, because the scripts of the tools start `node` by name. */
const PATH = [join('node_modules', '.bin'), dirname(process.execPath), process.env.PATH].join(delimiter)
const env = { ...process.env, PATH }

/** Prints one line per step, and the full output of a failed step. */
async function passes(step: string): Promise<boolean> {
  const [program, ...args] = STEPS[step] ?? []
  if (program === undefined) throw new Error(`There is no step '${step}': ${Object.keys(STEPS).join(', ')}, tests`)
  const began = performance.now()
  const failure = await new Promise<string | undefined>((resolve) => {
    const options = { env, timeout: STEP_LIMIT_MS, maxBuffer: 64 * 1024 * 1024, shell: process.platform === 'win32' }
    execFile(program, args, options, (error, stdout, stderr) => {
      const killed = error?.killed === true ? `stopped after ${STEP_LIMIT_MS / 60_000} minutes` : ''
      resolve(error ? [stdout, stderr, killed].join('\n').trim() || error.message : undefined)
    })
  })
  const took = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
  console.log(`${failure === undefined ? 'ok    ' : 'FAILED'} ${took} s  ${step}`)
  if (failure !== undefined) console.log(`${failure}\n`)
  return failure === undefined
}

/** Runs steps in two lanes, because CI has two cores. Returns the number of failed steps. */
async function countFailed(steps: readonly string[]): Promise<number> {
  const waiting = [...steps]
  let failed = 0
  const lane = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) if (!(await passes(step))) failed += 1
  }
  await Promise.all([lane(), lane()])
  return failed
}

const asked = process.argv.slice(2)
const wanted = asked.length > 0 ? asked : [...Object.keys(STEPS), 'tests']
const failedChecks = await countFailed(wanted.filter((step) => step !== 'tests' && !ALONE.includes(step)))
const counts = wanted.includes('tests')
  ? await runTests({ needsBrowser: process.env.CI === 'true' })
  : { passed: 0, failed: 0, skipped: 0 }
let failedSteps = failedChecks
for (const step of wanted.filter((one) => ALONE.includes(one))) if (!(await passes(step))) failedSteps += 1
const sum = { ...counts, failed: counts.failed + failedSteps }
if (failedSteps > 0) console.log(`\n${failedSteps} of the checks beside the tests failed, see above`)
console.log(`\n${countsLine(sum)}`)
process.exitCode = sum.failed > 0 || (wanted.includes('tests') && counts.passed === 0) ? 1 : 0
