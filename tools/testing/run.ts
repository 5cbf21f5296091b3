import { globSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from 'node:test'
import { type Counts, Report } from './report.ts'
import { startTestServer } from './server.ts'

export interface TestRun {
  /** Parts of paths. Without filters all files run. */
  filters?: readonly string[]
  /** False: no PostgreSQL is started. */
  database?: boolean
  /** Pattern of test names. Other tests do not run. */
  name?: string
  /** A test that is skipped because no browser exists fails. */
  needsBrowser?: boolean
  /** Time after which the run stops and prints the files that hang. Default: 15 minutes, longer than any run takes. */
  limitMs?: number
}

const FILES = '{src,test,tools,bench}/**/*.test.ts'
const TEST_LIMIT_MS = 60_000
const RUN_LIMIT_MS = 24 * 60_000
const ECHO_MS = 1_000

const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** Runs test files below the working folder: two at a time, each in its own process, over one PostgreSQL. */
export async function runTests({
  filters = [],
  database = true,
  name,
  needsBrowser = false,
  limitMs = RUN_LIMIT_MS,
}: TestRun): Promise<Counts> {
  const files = globSync(FILES)
    .toSorted()
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .map((path) => resolve(path))
  if (files.length === 0) {
    print(`No test file ${filters.length > 0 ? `matches ${filters.join(', ')}` : `in ${FILES}`}`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const report = new Report(files, needsBrowser, print)
  const abort = new AbortController()
  const limit = setTimeout(() => {
    print(`Stopped after ${limitMs / 60_000} minutes in ${report.unfinished().join(', ')}`)
    abort.abort()
  }, limitMs)
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(() => clearTimeout(limit))
  if (database) {
    const server = cleanup.adopt(await startTestServer(), (started) => started.stop())
    process.env.PURSER_TEST_POSTGRES = server.connections
    stopOnSignals(() => server.stop())
  }
  const stream = run({
    files,
    concurrency: 2,
    isolation: 'process',
    timeout: TEST_LIMIT_MS,
    execArgv: ['--import', join(import.meta.dirname, 'ending.ts')],
    signal: abort.signal,
    ...(name === undefined ? {} : { testNamePatterns: [name] }),
  })
  await report.follow(stream)
  return report.finish()
}

/**
 * Stops the server before a signal ends this process, because the server is a separate process that Ctrl-C does not reach. npm and the
 * launcher repeat the terminal's Ctrl-C, so signals within one second count as one.
 */
function stopOnSignals(stop: () => Promise<void>): void {
  let firstMs: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const isFirst = firstMs === undefined
      firstMs ??= performance.now()
      if (!isFirst && performance.now() - firstMs < ECHO_MS) return
      const end = (): void => {
        process.removeAllListeners(signal)
        process.kill(process.pid, signal)
      }
      if (isFirst) void stop().finally(end)
      else end()
    })
  }
  process.once('uncaughtException', (error) => {
    console.error(error)
    void stop().finally(() => process.exit(1))
  })
}
