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
  /** It told its own sum, so it ran to its end. */
  ended: boolean
  output: string[]
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
 * Prints a line a file as it ends; then failures in full, every skipped test with its reason, the slowest files.
 * A failure of each file that holds no test or ends in the middle of one. With `needsBrowser` a test skipped for want of a browser
 * fails.
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
      this.#files.set(file, { passed: 0, failed: 0, skipped: 0, durationMs: 0, ended: false, output: [] })
    }
  }

  /** Resolves when the run is over. */
  async follow(stream: ReturnType<typeof run>): Promise<void> {
    stream.on('test:pass', (event) => {
      this.#time(event)
      this.#pass(event)
    })
    stream.on('test:fail', (event) => {
      this.#time(event)
      this.#fail(event)
    })
    const keep = (data: { file: string; message: string }): void => void this.#of(data.file).output.push(data.message)
    stream.on('test:stdout', keep)
    stream.on('test:stderr', keep)
    stream.on('test:diagnostic', ({ file, message }) => {
      // What happened after the end of a test, such as a rejection that nobody awaited.
      if (file !== undefined && message.startsWith('Error: ')) this.#of(file).output.push(`${message}\n`)
    })
    stream.on('test:summary', ({ file, duration_ms: durationMs }) => {
      if (file === undefined) return
      Object.assign(this.#of(file), { durationMs, ended: true })
      this.#printFile(file)
    })
    await stream.resume().toArray()
  }

  /** Everything after the last file; returns the sum. */
  finish(): Counts {
    for (const [file, result] of this.#files) {
      if (result.ended) continue
      if (result.failed === 0) this.#add(file, 'ended before its tests were done')
      this.#printFile(file)
    }
    for (const failure of this.#failures) this.#printFailure(failure)
    if (this.#skips.length > 0) this.#print(['', 'Skipped:', ...this.#skips].join('\n'))
    const all = [...this.#files].toSorted(([, a], [, b]) => b.durationMs - a.durationMs).slice(0, SLOWEST)
    if (this.#files.size > 1) {
      const rows = all.map(([file, { durationMs }]) => `${seconds(durationMs)}  ${shown(file)}`)
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

  /** Files that have not told their sum. */
  unfinished(): string[] {
    return [...this.#files].filter(([, { ended }]) => !ended).map(([file]) => shown(file))
  }

  #of(file: string): FileResult {
    const result = this.#files.get(file)
    if (!result) throw new Error(`the test runner reported ${file}, which was not asked for`)
    return result
  }

  /** The sum of its tests stands in for a file that never tells its own. */
  #time({ name, file, entryFile = file ?? '', nesting, details }: Event): void {
    if (nesting === 0 && name !== entryFile) this.#of(entryFile).durationMs += details.duration_ms
  }

  #pass(event: Event): void {
    if (event.details.type === 'suite') return
    const file = event.entryFile ?? event.file ?? ''
    if (event.name === file) return this.#add(file, 'holds no test')
    const reason = event.skip ?? event.todo
    if (reason === undefined || reason === false) {
      this.#of(file).passed += 1
      return
    }
    const why = typeof reason === 'string' ? reason : 'no reason given'
    if (this.#needsBrowser && why.startsWith('no browser')) {
      return this.#add(file, `${event.name}: skipped in CI`, event.line, why)
    }
    this.#of(file).skipped += 1
    this.#skips.push(`  ${shown(file)}  ${event.name}: ${why}`)
  }

  #fail(event: Event): void {
    const { error } = event.details
    const kind = error instanceof Error && 'failureType' in error ? error.failureType : undefined
    if (kind === 'subtestsFailed') return
    const file = event.entryFile ?? event.file ?? ''
    // The process of a file with failed tests fails too, which says nothing new.
    if (event.name !== file) this.#add(file, event.name, event.line, error)
    else if (this.#of(file).failed === 0) this.#add(file, 'did not end well', undefined, undefined)
  }

  #add(file: string, name: string, line?: number, error?: unknown): void {
    this.#of(file).failed += 1
    this.#failures.push({ file, name, line, error })
  }

  #printFile(file: string): void {
    const result = this.#of(file)
    this.#print(
      `${result.failed > 0 ? 'FAILED' : 'ok    '} ${seconds(result.durationMs)}  ${shown(file)}  ${countsLine(result)}`,
    )
  }

  #printFailure({ file, name, line, error }: Failure): void {
    const place = line === undefined ? shown(file) : `${shown(file)}:${line}`
    this.#print(`\nFAILED ${place}  ${name}`)
    if (error !== undefined) this.#print(indent(describe(error)))
    const result = this.#of(file)
    if (result.output.length === 0) return
    const output = result.output.splice(0).join('').trimEnd().split('\n')
    this.#print(indent(['output of the file:', ...output.slice(-MAX_OUTPUT_LINES)].join('\n')))
  }
}

const shown = (file: string): string => relative(process.cwd(), file)
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(5)} s`
const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ')

/** The runner wraps what a test threw; frames of Node itself say nothing. */
function describe(error: unknown): string {
  const thrown = error instanceof Error && error.cause !== undefined ? error.cause : error
  return inspectThrown(thrown)
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:/.test(line))
    .join('\n')
}

function inspectThrown(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  // An assertion's message already shows both sides.
  const isAssertion = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_ASSERTION'
  return isAssertion && thrown.stack !== undefined ? thrown.stack : inspect(thrown, { depth: 6 })
}
