import { parseArgs } from 'node:util'
import type { Comparison } from './compare.ts'
import { LOADS, type LoadName } from './loads.ts'

export interface BenchCommand {
  readonly quick: boolean
  /** Benchmarks to run, in this order. */
  readonly names: readonly string[]
  /** Runs after the benchmarks. A quick run of all has a comparison too, which proves that comparisons work. */
  readonly comparison?: Comparison
}

/** More pairs than the 11 that a verdict needs: with 12 the interval covers 96 %, with 11 it covers 99 % and is wider. */
const PAIRS = 12
const QUICK = { pairs: 6, durationMs: 200 } as const

export const usageText = (known: readonly string[]): string => `npm run bench -- NAME [--quick]
  NAME is one of: ${known.join(', ')}, all
  --quick   proves within seconds that the benchmark works; it judges no bound and writes no result

npm run bench -- compare LOAD [--base COMMIT] [--env NAME=value …] [--quick]
  Compares this work tree with another commit, or one setting with another. LOAD is one of: ${Object.keys(LOADS).join(', ')}
  --base COMMIT           the commit to compare with; without it both sides run this work tree
  --env NAME=value        a setting of this side only; may be repeated
  --base-env NAME=value   a setting of the base only; may be repeated
  --connections 50        connections of the load; 1,10,50 compares at each of them
  --pairs ${PAIRS}              interleaved pairs of runs; a verdict needs at least 11
  --seconds 3             duration of one run; a verdict needs at least 3`

/** Returns the parsed command, an error message, or undefined when only the usage was requested. */
export function parseCommand(args: readonly string[], known: readonly string[]): BenchCommand | string | undefined {
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS })
    const { quick, ...compared } = values
    const [name, load, ...rest] = positionals
    if (name === undefined) return Object.keys(values).length > 1 ? 'Name a benchmark.' : undefined
    if (name === 'compare') {
      if (load === undefined || !(load in LOADS) || rest.length > 0)
        return `Name one load: ${Object.keys(LOADS).join(', ')}.`
      return { quick, names: [], comparison: parseComparison(load as LoadName, quick, compared) }
    }
    if (load !== undefined || Object.keys(compared).length > 0) return `${name} takes no other option than --quick.`
    if (name === 'all')
      return { quick, names: known, ...(quick ? { comparison: parseComparison('payments', quick, {}) } : {}) }
    return known.includes(name) ? { quick, names: [name] } : `There is no benchmark ${name}.`
  } catch (error) {
    // The message of parseArgs names the wrong option.
    return (error as Error).message
  }
}

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  base: { type: 'string' },
  env: { type: 'string', multiple: true },
  'base-env': { type: 'string', multiple: true },
  connections: { type: 'string' },
  pairs: { type: 'string' },
  seconds: { type: 'string' },
} as const

interface ComparisonValues {
  readonly base?: string | undefined
  readonly env?: string[] | undefined
  readonly 'base-env'?: string[] | undefined
  readonly connections?: string | undefined
  readonly pairs?: string | undefined
  readonly seconds?: string | undefined
}

function parseComparison(load: LoadName, quick: boolean, values: ComparisonValues): Comparison {
  const seconds = values.seconds === undefined ? undefined : parseNumber('--seconds', values.seconds)
  return {
    load,
    base: values.base,
    env: { base: parseSettings(values['base-env']), current: parseSettings(values.env) },
    connections: (values.connections ?? '50').split(',').map((text) => parseCount('--connections', text)),
    pairs: parseCount('--pairs', values.pairs ?? String(quick ? QUICK.pairs : PAIRS)),
    durationMs: seconds === undefined ? (quick ? QUICK.durationMs : 3000) : seconds * 1000,
  }
}

function parseNumber(option: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 10_000)) throw new Error(`${option} takes a number above 0, not ${text}.`)
  return value
}

function parseCount(option: string, text: string): number {
  const value = parseNumber(option, text)
  if (!Number.isInteger(value)) throw new Error(`${option} takes a whole number, not ${text}.`)
  return value
}

function parseSettings(given: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw new Error(`A setting is written NAME=value, not ${text}.`)
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}
