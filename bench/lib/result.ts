import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import type { Rates } from './drive.ts'

export interface Table {
  title: string
  columns: readonly string[]
  rows: readonly (readonly (string | number)[])[]
}

/** Limit that a full run must meet. */
export interface Bound {
  /** Such as 'share of the floor at 50 connections'. */
  what: string
  /** Such as 'at least 50 %'. */
  wanted: string
  got: string
  met: boolean
}

export interface BenchResult {
  tables: readonly Table[]
  bounds: readonly Bound[]
  /** Facts that a reader of the figures must know, such as how the floor is built. */
  notes?: readonly string[]
  /** Further figures for the JSON file, such as the ratio of each pair. */
  details?: unknown
}

/** Throws when the result has no table, an empty table or a figure that is not a number: the benchmark did not measure. */
export function requireFigures({ tables }: BenchResult): void {
  if (tables.length === 0) throw new Error('the result has no table')
  for (const { title, rows } of tables) {
    if (rows.length === 0) throw new Error(`"${title}" has no rows`)
    const odd = rows.flat().find((cell) => /NaN|Infinity|undefined/.test(String(cell)))
    if (odd !== undefined) throw new Error(`"${title}" has the figure ${odd}`)
  }
}

/** Argument of `bench/NAME.ts`. */
export interface BenchContext {
  /** True for one short run that proves that the benchmark works. Its figures are not written. */
  readonly quick: boolean
  /** Number of runs of each variant. Figures are medians. */
  readonly runs: number
  /** Duration of one run. */
  readonly durationMs: number
  log(line: string): void
  /** Registers a cleanup. Cleanups run after the benchmark, the last first, also after an error or a signal. */
  defer(act: () => unknown): void
  /** Creates an empty folder, which is removed after the benchmark. */
  makeFolder(): string
  /** Sets the PostgreSQL version in the description of the machine, for benchmarks whose programs start PostgreSQL. */
  describePostgres(version: string): void
  /** Starts a new embedded PostgreSQL with the product's settings, fsync on. It is stopped after the benchmark. */
  startPostgres(): Promise<{ owner: Connection; app: Connection; pid: number; version: string }>
}

interface Connection {
  host: string
  port: number
  user: string
  password: string
  database: string
}

export type Bench = (context: BenchContext) => Promise<BenchResult>

export interface Machine {
  cpu: string
  cores: number
  memoryGiB: number
  system: string
  node: string
  postgres: string
  commit: string
}

export function describeMachine(postgres: string): Machine {
  const [first, ...rest] = cpus()
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: rest.length + 1,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    postgres,
    commit: findCommit(),
  }
}

/** Returns the short hash of HEAD, with + when the work tree differs from it. */
function findCommit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+')
    )
  } catch {
    return 'unknown'
  }
}

export const perSecond = (rates: Rates): string => rates.perSecond.toLocaleString('en-US')
export const ms = (us: number): string => `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`
export const percent = (share: number): string => `${Math.round(share * 100)} %`

export const atLeast = (what: string, got: number, bound: number): Bound => ({
  what,
  wanted: `at least ${percent(bound)}`,
  got: percent(got),
  met: got >= bound,
})

/** Renders a table as Markdown, with aligned columns for the terminal. */
export function renderTable({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows].map((row) => row.map(String))
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(Math.max(1, width - 1))}:`)).join(' | ')} |`
  const [head = [], ...body] = cells
  return [`${title}\n`, line(head), rule, ...body.map(line)].join('\n')
}

/** Renders a result as Markdown: machine, tables, bounds, notes. */
export function renderResult(name: string, day: string, machine: Machine, result: BenchResult): string {
  const { cpu, cores, memoryGiB, system, node, postgres, commit } = machine
  return [
    `# ${name}, ${day}`,
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${system}; Node ${node}; ${postgres}; commit ${commit}. Load, server and database share the cores.`,
    ...result.tables.map(renderTable),
    ...(result.bounds.length > 0 ? [result.bounds.map(renderBound).join('\n')] : []),
    ...(result.notes && result.notes.length > 0 ? [result.notes.map((note) => `- ${note}`).join('\n')] : []),
  ].join('\n\n')
}

const renderBound = ({ what, wanted, got, met }: Bound): string =>
  `- ${met ? 'met' : '**missed**'}: ${what}: ${got} (${wanted})`
