// Measures the time from an empty folder, and from a stopped program, to the first answered request, and the memory afterwards.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import type { Bench, BenchContext, Bound } from './lib/result.ts'
import { programPath, spawnServer } from './lib/server.ts'
import { describeDatabase } from './lib/sides.ts'
import { median } from './lib/statistics.ts'

const COLD_MS = 8_000
const WARM_MS = 2_500
const MEMORY_MIB = 350
/** After this time the first crons have run and the background loops are idle. A quick run does not wait for that. */
const SETTLE_MS = { full: 3_000, quick: 200 } as const

interface Start {
  readyMs: number
  /** Proportional set size (PSS): memory that processes share is counted once. */
  nodeMib: number
  postgresMib: number
  /** Sum of the resident sets that `ps` shows: shared memory is counted in each process. */
  residentMib: number
}

const bench: Bench = async (context) => {
  const cold: Start[] = []
  const warm: Start[] = []
  for (let run = 0; run < context.runs; run++) {
    const dataDir = context.makeFolder()
    cold.push(await startOnce(context, dataDir))
    warm.push(await startOnce(context, dataDir))
    rmSync(dataDir, { recursive: true, force: true })
  }
  const row = (what: string, starts: readonly Start[]): (string | number)[] => {
    const of = (value: (start: Start) => number): number => median(starts.map(value))
    const slowest = Math.max(...starts.map(({ readyMs }) => readyMs))
    const parts = [of(({ nodeMib }) => nodeMib), of(({ postgresMib }) => postgresMib)]
    const both = of(({ nodeMib, postgresMib }) => nodeMib + postgresMib)
    return [what, `${of(({ readyMs }) => readyMs)} ms`, `${slowest} ms`, ...[...parts, both, of(residentOf)].map(mib)]
  }
  return {
    tables: [
      {
        title: `Start to the first answered request, and memory ${settleMs(context) / 1000} s later`,
        columns: ['', 'median', 'slowest', 'Node', 'PostgreSQL', 'together', 'sum of RSS'],
        rows: [row('cold (empty folder)', cold), row('warm', warm)],
      },
    ],
    bounds: [
      atMost('cold start, median', median(cold.map(({ readyMs }) => readyMs)), COLD_MS, (ms) => `${ms} ms`),
      atMost('warm start, median', median(warm.map(({ readyMs }) => readyMs)), WARM_MS, (ms) => `${ms} ms`),
      atMost(
        'Node and PostgreSQL together',
        Math.max(...[...cold, ...warm].map(({ nodeMib, postgresMib }) => nodeMib + postgresMib)),
        MEMORY_MIB,
        mib,
      ),
    ],
    notes: [
      'bin/purser.js start in the sandbox, from spawn to the first 200 of /health. Purser serves requests from then on.',
      'Node, PostgreSQL and together are proportional set sizes: memory that processes share is counted once.',
    ],
  }
}

const residentOf = ({ residentMib }: Start): number => residentMib
const mib = (value: number): string => `${Math.round(value)} MiB`
const atMost = (what: string, got: number, bound: number, show: (value: number) => string): Bound => ({
  what,
  wanted: `at most ${show(bound)}`,
  got: show(got),
  met: got <= bound,
})

async function startOnce(context: BenchContext, dataDir: string): Promise<Start> {
  await using server = await spawnServer({
    args: [programPath, 'start'],
    env: { DATA_DIR: dataDir },
    defer: context.defer,
  })
  await new Promise((resolve) => setTimeout(resolve, settleMs(context)))
  const postmaster = await describeDatabase(context, dataDir)
  const [node, ...postgres] = [server.pid, ...listWithChildren(postmaster.pid)].map(readMemory)
  const { readyMs } = server
  context.log(`${readyMs} ms`)
  const sum = (of: (memory: Memory) => number): number => postgres.reduce((total, one) => total + of(one), 0)
  const start = {
    readyMs,
    nodeMib: node?.pss ?? 0,
    postgresMib: sum(({ pss }) => pss),
    residentMib: (node?.rss ?? 0) + sum(({ rss }) => rss),
  }
  if (Object.values(start).some((figure) => figure <= 0))
    throw new Error(`A measured value is missing: ${JSON.stringify(start)}`)
  return start
}

const settleMs = ({ quick }: BenchContext): number => (quick ? SETTLE_MS.quick : SETTLE_MS.full)

/** Returns the process and its children. The children of PostgreSQL have no children. */
const listWithChildren = (pid: number): number[] => [
  pid,
  ...(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? []).map(Number),
]

interface Memory {
  pss: number
  rss: number
}

/** Returns the memory of a process in MiB, or zero when it has ended meanwhile, as database sessions do. */
function readMemory(pid: number): Memory {
  const path = `/proc/${pid}/smaps_rollup`
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024
  return { pss: of('Pss'), rss: of('Rss') }
}

export default bench
