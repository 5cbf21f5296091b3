import { checkOutCommit } from './checkout.ts'
import { addFewPayments, LOADS, type LoadName, type Target } from './loads.ts'
import { runPairs, type Pair } from './pairs.ts'
import { startProgram } from './program.ts'
import { ms, type Bench, type BenchContext, type Bound } from './result.ts'
import { repositoryPath } from './server.ts'
import { describeDatabase, openAll } from './sides.ts'
import { judgeRatios, median, type Verdict } from './statistics.ts'

export interface Comparison {
  readonly load: LoadName
  /** Commit of the base side. Without it the base runs the same code as the current side. */
  readonly base?: string | undefined
  /** Settings of one side only. */
  readonly env: Readonly<Record<'base' | 'current', Readonly<Record<string, string>>>>
  /** Numbers of connections, compared one after the other. */
  readonly connections: readonly number[]
  readonly pairs: number
  /** Duration of one run. */
  readonly durationMs: number
}

/** Minimum for a verdict: number of pairs and duration of one run. */
const MIN_PAIRS = 11
const MIN_MS = 3000

/** Returns whether the comparison is long enough for a verdict. */
export const isConclusive = ({ pairs, durationMs }: Pick<Comparison, 'pairs' | 'durationMs'>): boolean =>
  pairs >= MIN_PAIRS && durationMs >= MIN_MS

/** Returns a benchmark that drives two programs over HTTP in interleaved pairs and judges the rate of the current one. */
export const createComparison =
  (comparison: Comparison): Bench =>
  async (context) => {
    const { targets, title } = await startBoth(context, comparison)
    const compared = []
    for (const connections of comparison.connections) {
      const pairs = await measure(context, comparison, targets, connections)
      const verdict = isConclusive(comparison) ? judgeRatios(pairs.map(({ ratio }) => ratio)) : undefined
      compared.push({ connections, pairs, verdict })
    }
    return {
      tables: [
        {
          title: `${comparison.load}: base = ${title.base}; current = ${title.current}`,
          columns: ['connections', 'base/s', 'current/s', 'base p99', 'p99', 'pairs', 'ratio', 'interval', 'verdict'],
          rows: compared.map(({ connections, pairs, verdict }) => renderRow(connections, pairs, verdict)),
        },
      ],
      bounds: compared.flatMap(({ connections, verdict }) =>
        verdict ? [createBound(`${comparison.load} at ${connections} connections is not slower`, verdict)] : [],
      ),
      notes: listNotes(comparison, compared[0]?.verdict),
      details: compared.map(({ connections, pairs }) => ({ connections, ratios: pairs.map(({ ratio }) => ratio) })),
    }
  }

async function startBoth(
  context: BenchContext,
  { load, base, env }: Comparison,
): Promise<Record<'targets', Record<'base' | 'current', Target>> & { title: Record<'base' | 'current', string> }> {
  const { defer, log, makeFolder } = context
  const checkout = base === undefined ? undefined : { repository: repositoryPath, ref: base, folder: makeFolder() }
  const found = checkout ? await checkOutCommit({ ...checkout, defer, log }) : undefined
  const dataDir = makeFolder()
  const [baseTarget, currentTarget] = await openAll([
    startProgram(context, found?.folder ?? repositoryPath, { ...env.base, dataDir: makeFolder() }),
    startProgram(context, repositoryPath, { ...env.current, dataDir }),
  ])
  const targets = { base: baseTarget, current: currentTarget }
  await describeDatabase(context, dataDir)
  if (load !== 'payments') for (const target of Object.values(targets)) await addFewPayments(target)
  const settings = (side: 'base' | 'current'): string =>
    Object.entries(env[side])
      .map(([name, value]) => ` ${name}=${value}`)
      .join('')
  const title = {
    base: `${found?.title ?? 'this work tree'}${settings('base')}`,
    current: `this work tree${settings('current')}`,
  }
  log(`base: ${title.base}\ncurrent: ${title.current}`)
  return { targets, title }
}

async function measure(
  { log }: BenchContext,
  { load, pairs, durationMs }: Comparison,
  targets: Record<'base' | 'current', Target>,
  lanes: number,
): Promise<Pair[]> {
  const run = {
    base: () => LOADS[load](targets.base, { lanes, durationMs }),
    current: () => LOADS[load](targets.current, { lanes, durationMs }),
  }
  // The first pair compiles code and fills caches on both sides, so it does not count.
  await runPairs(run, 1)
  return runPairs(run, pairs, ({ base, current, ratio }, n) =>
    log(
      `${lanes} connections, pair ${n} of ${pairs}: ${base.perSecond}/s, ${current.perSecond}/s, ratio ${ratio.toFixed(3)}`,
    ),
  )
}

function renderRow(connections: number, pairs: readonly Pair[], verdict: Verdict | undefined): (string | number)[] {
  const of = (value: (pair: Pair) => number): number => median(pairs.map(value))
  const rate = (value: number): string => Math.round(value).toLocaleString('en-US')
  return [
    connections,
    rate(of(({ base }) => base.perSecond)),
    rate(of(({ current }) => current.perSecond)),
    ms(of(({ base }) => base.p99Us)),
    ms(of(({ current }) => current.p99Us)),
    pairs.length,
    of(({ ratio }) => ratio).toFixed(3),
    verdict ? intervalText(verdict) : 'none',
    verdict?.word ?? 'none, too short',
  ]
}

const intervalText = ({ interval: { lower, upper } }: Verdict): string => `${lower.toFixed(3)} to ${upper.toFixed(3)}`

const createBound = (what: string, verdict: Verdict): Bound => ({
  what,
  wanted: 'median at least 0.95 and upper end of the interval at least 1.0',
  got: `median ${verdict.median.toFixed(3)}, interval ${intervalText(verdict)}`,
  met: verdict.notSlower,
})

function listNotes({ durationMs, pairs }: Comparison, verdict: Verdict | undefined): string[] {
  const coverage = verdict && `${(verdict.interval.coverage * 100).toFixed(1)} %`
  return [
    `Ratio: the median of current ÷ base over ${pairs} interleaved pairs of runs of ${durationMs / 1000} s each. Rates and p99 are separate medians.`,
    coverage
      ? `Interval: contains the true median ratio with a probability of ${coverage} (order statistics, sign test; at least 95 %).`
      : `No verdict: it needs at least ${MIN_PAIRS} pairs of at least ${MIN_MS / 1000} s.`,
    'Not slower: the upper end of the interval is at least 1.0 and the median ratio is at least 0.95. Undecided: only the upper end is.',
    'Noise that remains: timers and autovacuum of the idle program, checkpoints on the disk that both share, and other work on the machine.',
  ]
}
