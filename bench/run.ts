// npm run bench -- NAME [--quick]
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '#platform/postgres'
import { type Bench, type BenchContext, describeMachine, resultText } from './lib/result.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
})
const known = globSync('*.ts', { cwd: import.meta.dirname })
  .map((file) => basename(file, '.ts'))
  .filter((file) => file !== 'run' && !file.endsWith('.test'))
  .toSorted()
const [name] = positionals
if (name === undefined || !known.includes(name)) {
  console.log(`npm run bench -- NAME [--quick]\nNAME is one of: ${known.join(', ')}`)
  process.exitCode = name === undefined ? 0 : 1
} else {
  process.exitCode = (await runBench(name, values.quick)) ? 0 : 1
}

/** Whether all bounds were met; a quick run has none. */
async function runBench(bench: string, quick: boolean): Promise<boolean> {
  const { default: act } = (await import(`./${bench}.ts`)) as { default: Bench }
  await using cleanup = new AsyncDisposableStack()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanup.disposeAsync().finally(() => process.kill(process.pid, signal)))
  }
  let postgres = 'no database'
  const makeFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'purser-bench-'))
    cleanup.defer(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }
  const context: BenchContext = {
    quick,
    runs: quick ? 1 : 5,
    durationMs: quick ? 300 : 4000,
    log: (line) => console.log(line),
    defer: (undo) => cleanup.defer(async () => void (await undo())),
    makeFolder,
    describePostgres: (version) => void (postgres = `PostgreSQL ${version}`),
    async startPostgres() {
      const started = await startPostgres({ dataDir: makeFolder() })
      cleanup.defer(() => started.stop())
      postgres = `PostgreSQL ${started.version}`
      return started
    },
  }
  const result = await act(context)
  const day = new Date().toISOString().slice(0, 10)
  const machine = describeMachine(postgres)
  const text = resultText(bench, day, machine, result)
  console.log(`\n${text}`)
  if (quick) return true
  const path = join(import.meta.dirname, 'results', `${bench}-${day}`)
  mkdirSync(join(import.meta.dirname, 'results'), { recursive: true })
  writeFileSync(`${path}.md`, `${text}\n`)
  writeFileSync(`${path}.json`, `${JSON.stringify({ bench, day, machine, ...result }, undefined, 2)}\n`)
  return result.bounds.every(({ met }) => met)
}
