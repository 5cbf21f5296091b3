// Runs benchmarks. README.md in this folder explains their output.
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { startPostgres } from '#platform/database/postgres'
import { createComparison, isConclusive } from './lib/compare.ts'
import { parseCommand, usageText } from './lib/command.ts'
import { type Bench, type BenchContext, describeMachine, requireFigures, renderResult } from './lib/result.ts'

const known = globSync('*.ts', { cwd: import.meta.dirname })
  .map((file) => basename(file, '.ts'))
  .filter((file) => file !== 'run')
  .toSorted()

/** True after a signal. The process ends when everything that it started has stopped, so nothing new may start. */
let interrupted = false

process.exitCode = (await runCommand()) ? 0 : 1

/** Returns whether all bounds were met and nothing failed. */
async function runCommand(): Promise<boolean> {
  const command = parseCommand(process.argv.slice(2), known)
  if (typeof command === 'string') console.error(`${command}\n`)
  if (command === undefined || typeof command === 'string') {
    console.log(usageText(known))
    return command === undefined
  }
  const { quick, comparison, names } = command
  const tasks = names.map((name) => ({ name, open: () => openBench(name), keep: !quick }))
  if (comparison) {
    const open = (): Promise<Bench> => Promise.resolve(createComparison(comparison))
    tasks.push({ name: `compare-${comparison.load}`, open, keep: !quick && isConclusive(comparison) })
  }
  const failed: string[] = []
  for (const { name, open, keep } of tasks) {
    const began = performance.now()
    try {
      if (!(await runBench(name, await open(), { quick, keep }))) failed.push(name)
    } catch (error) {
      if (interrupted) return false
      console.error(`\n${name} failed:`, error)
      failed.push(name)
    }
    console.log(`\n${name} took ${((performance.now() - began) / 1000).toFixed(1)} s\n`)
  }
  if (failed.length > 0) console.log(`Failed or missed a bound: ${failed.join(', ')}`)
  return failed.length === 0
}

async function openBench(name: string): Promise<Bench> {
  const { default: bench } = (await import(`./${name}.ts`)) as { default: Bench }
  return bench
}

/** Prints the result and, with `keep`, writes it to bench/results. Returns whether all bounds were met. A quick run judges no bound. */
async function runBench(
  name: string,
  bench: Bench,
  { quick, keep }: { quick: boolean; keep: boolean },
): Promise<boolean> {
  await using cleanup = new AsyncDisposableStack()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) {
    const end = (): void => {
      interrupted = true
      void cleanup.disposeAsync().finally(() => process.kill(process.pid, signal))
    }
    process.once(signal, end)
    cleanup.defer(() => void process.off(signal, end))
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
  const result = await bench(context)
  requireFigures(result)
  const day = new Date().toISOString().slice(0, 10)
  const machine = describeMachine(postgres)
  const text = renderResult(name, day, machine, quick ? { ...result, bounds: [] } : result)
  console.log(`\n${text}`)
  if (keep) {
    const path = join(import.meta.dirname, 'results', `${name}-${day}`)
    mkdirSync(join(import.meta.dirname, 'results'), { recursive: true })
    writeFileSync(`${path}.md`, `${text}\n`)
    writeFileSync(`${path}.json`, `${JSON.stringify({ bench: name, day, machine, ...result }, undefined, 2)}\n`)
  }
  return quick || result.bounds.every(({ met }) => met)
}
