import { relative } from 'node:path'
import { inspect } from 'node:util'
import type { run } from 'node:test'

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

interface Failure {
  file: string
  name: string
  line: number | undefined
  error: unknown
}

interface FileResult extends Counts {
  durationMs: number
  /** The runner sent the file's summary, so the file ran to its end. */
  ended: boolean
  output: string[]
  /** Lines that tests reported with `t.diagnostic`, such as measured figures. */
  diagnostics: string[]
}

interface Event {
  name: string
  file?: string
  entryFile?: string
  line?: number
  skip?: string | boolean
  todo?: string | boolean
  nesting: number
  details: { duration_ms: number; type?: string | undefined; error?: unknown }
}

const SLOWEST = 10
const MAX_OUTPUT_LINES = 200

export const countsLine = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`

/**
 * Prints one line per file as it ends, with the diagnostics of its tests. At the end it prints failures in full, each skipped test with its reason, and the slowest files.
 * A file that holds no test or ends inside a test counts as a failure. With `needsBrowser`, a test that is skipped because no browser
 * exists fails.
 */
export class Report {
  readonly #files = new Map<string, FileResult>()
  readonly #failures: Failure[] = []
  readonly #skips: string[] = []
  readonly #needsBrowser: boolean
  readonly #print: (line: string) => void

  constructor(files: readonly string[], needsBrowser: boolean, print: (line: string) => void) {
    this.#needsBrowser = needsBrowser
    this.#print = print
    for (const file of files) {
      this.#files.set(file, {
        passed: 0,
        failed: 0,
        skipped: 0,
        durationMs: 0,
        ended: false,
        output: [],
        diagnostics: [],
      })
    }
  }

  /** Records the events of a run. Resolves when the run has ended. */
  async follow(stream: ReturnType<typeof run>): Promise<void> {
    stream.on('test:pass', (event) => {
      this.#addDuration(event)
      this.#pass(event)
    })
    stream.on('test:fail', (event) => {
      this.#addDuration(event)
      this.#fail(event)
    })
    const keep = (data: { file: string; message: string }): void =>
      void this.#resultOf(data.file).output.push(data.message)
    stream.on('test:stdout', keep)
    stream.on('test:stderr', keep)
    stream.on(
      'test:diagnostic',
      ({ file, entryFile = file, message }: { file?: string; entryFile?: string; message: string }) => {
        // `file` declares the test. It can be a file that several test files share.
        const result = this.#files.get(entryFile ?? '') ?? this.#files.get(file ?? '')
        // Errors after the end of a test, such as an unhandled rejection.
        if (message.startsWith('Error: ')) result?.output.push(`${message}\n`)
        else result?.diagnostics.push(message)
      },
    )
    stream.on('test:summary', ({ file, duration_ms: durationMs }) => {
      if (file === undefined) return
      Object.assign(this.#resultOf(file), { durationMs, ended: true })
      this.#printFile(file)
    })
    await stream.resume().toArray()
  }

  /** Prints everything that follows the last file. Returns the sum of all files. */
  finish(): Counts {
    for (const [file, result] of this.#files) {
      if (result.ended) continue
      if (result.failed === 0) this.#add(file, 'ended before its tests finished')
      this.#printFile(file)
    }
    for (const failure of this.#failures) this.#printFailure(failure)
    if (this.#skips.length > 0) this.#print(['', 'Skipped:', ...this.#skips].join('\n'))
    const all = [...this.#files].toSorted(([, a], [, b]) => b.durationMs - a.durationMs).slice(0, SLOWEST)
    if (this.#files.size > 1) {
      const rows = all.map(([file, { durationMs }]) => `${seconds(durationMs)}  ${relativePath(file)}`)
      this.#print(['', 'Slowest files:', ...rows].join('\n'))
    }
    const sum = { passed: 0, failed: 0, skipped: 0 }
    for (const result of this.#files.values()) {
      sum.passed += result.passed
      sum.failed += result.failed
      sum.skipped += result.skipped
    }
    return sum
  }

  /** Returns the files whose summary is missing. */
  unfinished(): string[] {
    return [...this.#files].filter(([, { ended }]) => !ended).map(([file]) => relativePath(file))
  }

  #resultOf(file: string): FileResult {
    const result = this.#files.get(file)
    if (!result) throw new Error(`The test runner reported ${file}, which is not part of this run.`)
    return result
  }

  /** Adds up the durations of tests, for a file that sends no summary. */
  #addDuration({ name, file, entryFile = file ?? '', nesting, details }: Event): void {
    if (nesting === 0 && name !== entryFile) this.#resultOf(entryFile).durationMs += details.duration_ms
  }

  #pass(event: Event): void {
    // A skipped suite reports no tests, so it counts itself.
    if (event.details.type === 'suite' && event.skip === undefined) return
    const file = event.entryFile ?? event.file ?? ''
    if (event.name === file) return this.#add(file, 'holds no test')
    const reason = event.skip ?? event.todo
    if (reason === undefined || reason === false) {
      this.#resultOf(file).passed += 1
      return
    }
    const why = typeof reason === 'string' ? reason : 'no reason given'
    if (this.#needsBrowser && why.startsWith('no browser')) {
      return this.#add(file, `${event.name}: skipped in CI`, event.line, why)
    }
    this.#resultOf(file).skipped += 1
    this.#skips.push(`  ${relativePath(file)}  ${event.name}: ${why}`)
  }

  #fail(event: Event): void {
    const { error } = event.details
    const kind = error instanceof Error && 'failureType' in error ? error.failureType : undefined
    if (kind === 'subtestsFailed') return
    const file = event.entryFile ?? event.file ?? ''
    // The process of a file with failed tests fails too. Do not count it again.
    if (event.name !== file) this.#add(file, event.name, event.line, error)
    else if (this.#resultOf(file).failed === 0) this.#add(file, 'ended with an error', undefined, undefined)
  }

  #add(file: string, name: string, line?: number, error?: unknown): void {
    this.#resultOf(file).failed += 1
    this.#failures.push({ file, name, line, error })
  }

  #printFile(file: string): void {
    const result = this.#resultOf(file)
    this.#print(
      `${result.failed > 0 ? 'FAILED' : 'ok    '} ${seconds(result.durationMs)}  ${relativePath(file)}  ${countsLine(result)}`,
    )
    if (result.diagnostics.length > 0) this.#print(indent(result.diagnostics.join('\n')))
  }

  #printFailure({ file, name, line, error }: Failure): void {
    const place = line === undefined ? relativePath(file) : `${relativePath(file)}:${line}`
    this.#print(`\nFAILED ${place}  ${name}`)
    if (error !== undefined) this.#print(indent(describe(error)))
    const result = this.#resultOf(file)
    if (result.output.length === 0) return
    const output = result.output.splice(0).join('').trimEnd().split('\n')
    this.#print(indent(['output of the file:', ...output.slice(-MAX_OUTPUT_LINES)].join('\n')))
  }
}

const relativePath = (file: string): string => relative(process.cwd(), file)
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(5)} s`
const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ')

/** Renders the error that the test threw, without the runner's wrapper and without frames of Node itself. */
function describe(error: unknown): string {
  const thrown = error instanceof Error && error.cause !== undefined ? error.cause : error
  return inspectThrown(thrown)
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:/.test(line))
    .join('\n')
}

function inspectThrown(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  // The message of an assertion already shows both values.
  const isAssertion = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_ASSERTION'
  return isAssertion && thrown.stack !== undefined ? thrown.stack : inspect(thrown, { depth: 6 })
}
