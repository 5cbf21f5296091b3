import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import type { Rates } from './drive.ts'

export interface Table {
  title: string
  columns: readonly string[]
  rows: readonly (readonly (string | number)[])[]
}

/** A bound that the project has set itself. */
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
  /** What a reader of the figures must know, such as how the floor is built. */
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

/** What `bench/NAME.ts` is given. */
export interface BenchContext {
  /** One short run to see that it works; its figures say little and are not kept. */
  readonly quick: boolean
  /** Runs of each variant; figures are medians. */
  readonly runs: number
  /** Of one run. */
  readonly durationMs: number
  log(line: string): void
  /** Runs after the benchmark, the last first, whatever happens. */
  defer(act: () => unknown): void
  /** An empty folder, removed afterwards. */
  makeFolder(): string
  /** For benchmarks whose programs start their own: the version for the description of the machine. */
  describePostgres(version: string): void
  /** A new embedded PostgreSQL with the product's own settings, fsync on; stopped afterwards. */
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

/** With + when the tree differs from the commit. */
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

/** In Markdown, aligned so that it reads in a terminal too. */
export function tableText({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows].map((row) => row.map(String))
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(Math.max(1, width - 1))}:`)).join(' | ')} |`
  const [head = [], ...body] = cells
  return [`${title}\n`, line(head), rule, ...body.map(line)].join('\n')
}

export function resultText(name: string, day: string, machine: Machine, result: BenchResult): string {
  const { cpu, cores, memoryGiB, system, node, postgres, commit } = machine
  return [
    `# ${name}, ${day}`,
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${system}; Node ${node}; ${postgres}; commit ${commit}. Load, server and database share the cores.`,
    ...result.tables.map(tableText),
    ...(result.bounds.length > 0 ? [result.bounds.map(boundText).join('\n')] : []),
    ...(result.notes && result.notes.length > 0 ? [result.notes.map((note) => `- ${note}`).join('\n')] : []),
  ].join('\n\n')
}

const boundText = ({ what, wanted, got, met }: Bound): string =>
  `- ${met ? 'met' : '**missed**'}: ${what}: ${got} (${wanted})`
