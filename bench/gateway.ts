// Creates, lists and finds payments in a full database beside an empty one, and exports all of them.
import { readFileSync } from 'node:fs'
import { alternate, type Rates } from './lib/drive.ts'
import { addFewPayments, FEW, LOADS } from './lib/loads.ts'
import { ms, perSecond, type Bench, type BenchContext, type Bound, type Table } from './lib/result.ts'
import { seedPayments } from './lib/seed.ts'
import { openAll, startPurser, type Side } from './lib/sides.ts'

const LANES = 10
const LOAD_OF = { create: LOADS.payments, list: LOADS.list, lookup: LOADS.lookup } as const
const SIZES = { full: [0, 100_000, 1_000_000], quick: [0, 2000] } as const
const ACTS = ['create', 'list', 'lookup'] as const
type Act = (typeof ACTS)[number]
type Name = `${Act} ${number}`

const MAX_SLOWDOWN = 1.5
const MAX_GROWTH_MIB = 100

const bench: Bench = async (context) => {
  const sizes = context.quick ? SIZES.quick : SIZES.full
  const sides = new Map<number, Side>()
  const opened = await openAll(sizes.map(() => startPurser(context)))
  for (const [index, side] of opened.entries()) {
    const size = sizes[index] ?? 0
    await seedPayments(side, size)
    context.log(`${size.toLocaleString('en-US')} payments are stored`)
    sides.set(size, side)
  }
  const variants = sizes.flatMap((size) => {
    const side = sides.get(size)
    if (!side) throw new Error(`no program with ${size} payments`)
    const timing = { lanes: LANES, durationMs: context.durationMs }
    return ACTS.map((act) => [`${act} ${size}`, () => LOAD_OF[act](side, timing)] as const)
  })
  for (const side of sides.values()) await addFewPayments(side)
  const measured: Partial<Record<Name, Rates>> = await alternate(
    Object.fromEntries(variants) as Record<Name, () => Promise<Rates>>,
    context.runs,
  )
  const rates = (act: Act, size: number): Rates => {
    const found = measured[`${act} ${size}`]
    if (!found) throw new Error(`no rate of ${act} with ${size} payments`)
    return found
  }
  const largest = sizes.at(-1) ?? 0
  const exported = await exportAll(context, sides.get(largest))
  return {
    tables: [
      {
        title: `Requests per second at ${LANES} connections, by the number of payments in the database`,
        columns: ['payments', ...ACTS.flatMap((act) => [`${act}/s`, `${act} p50`, `${act} p99`])],
        rows: sizes.map((size) => [
          size.toLocaleString('en-US'),
          ...ACTS.flatMap((act) => {
            const one = rates(act, size)
            return [perSecond(one), ms(one.p50Us), ms(one.p99Us)]
          }),
        ]),
      },
      renderExport(exported),
    ],
    bounds: [
      ...sizes.slice(1).flatMap((size) => ACTS.map((act) => boundSlowdown(act, size, rates))),
      boundGrowth(exported),
      {
        what: 'rows of the export',
        wanted: `at least ${largest}`,
        got: String(exported.rows),
        met: exported.rows >= largest,
      },
    ],
    notes: [
      'Each size has its own program and database; they take turns. Payments of one merchant, expired, with a failed attempt each.',
      `A list is the newest page of 20 payments with attempts. A lookup is a list by reference. The empty side has ${FEW} payments and those that the runs create.`,
      'Memory is the resident set of the Node process, sampled every 100 ms. Before: after one export of a small range.',
    ],
  }
}

function boundSlowdown(act: Act, size: number, rates: (act: Act, size: number) => Rates): Bound {
  const times = rates(act, 0).perSecond / rates(act, size).perSecond
  return {
    what: `${act} with ${size.toLocaleString('en-US')} payments`,
    wanted: `at most ${MAX_SLOWDOWN} times slower than empty`,
    got: `${times.toFixed(2)} times`,
    met: times <= MAX_SLOWDOWN,
  }
}

interface Exported {
  readonly rows: number
  readonly bytes: number
  readonly seconds: number
  readonly beforeMib: number
  readonly maxMib: number
}

async function exportAll(context: BenchContext, side: Side | undefined): Promise<Exported> {
  if (!side) throw new Error('no program to export from')
  const path = `${side.url}/api/v1/exports/payments.csv?from=${new Date(Date.now() - 90 * 86_400_000).toISOString()}`
  await readExport(`${side.url}/api/v1/exports/payments.csv?from=${new Date(Date.now() - 60_000).toISOString()}`, side)
  const beforeMib = residentMib(side.pid)
  let maxMib = beforeMib
  const sampling = setInterval(() => (maxMib = Math.max(maxMib, residentMib(side.pid))), 100)
  const began = performance.now()
  const { rows, bytes } = await readExport(path, side).finally(() => clearInterval(sampling))
  if (context.quick && rows < SIZES.quick[1]) throw new Error(`the export has ${rows} rows`)
  context.log(`exported ${rows.toLocaleString('en-US')} rows`)
  return { rows, bytes, seconds: (performance.now() - began) / 1000, beforeMib, maxMib }
}

async function readExport(url: string, { headers }: Side): Promise<{ rows: number; bytes: number }> {
  const answer = await fetch(url, { headers: { ...headers } })
  if (!answer.ok || !answer.body) throw new Error(`the export answered ${answer.status}`)
  let [rows, bytes] = [-1, 0]
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    for (const byte of chunk) if (byte === 10) rows += 1
  }
  return { rows, bytes }
}

const renderExport = (exported: Exported): Table => ({
  title: 'Export of all payments as CSV',
  columns: ['rows', 'seconds', 'rows/s', 'MB', 'memory before', 'maximum'],
  rows: [
    [
      exported.rows.toLocaleString('en-US'),
      exported.seconds.toFixed(1),
      Math.round(exported.rows / exported.seconds).toLocaleString('en-US'),
      Math.round(exported.bytes / 1e6),
      mib(exported.beforeMib),
      mib(exported.maxMib),
    ],
  ],
})

function boundGrowth({ beforeMib, maxMib }: Exported): Bound {
  const got = maxMib - beforeMib
  return {
    what: 'memory of the export',
    wanted: `at most ${mib(MAX_GROWTH_MIB)} more`,
    got: mib(got),
    met: got <= MAX_GROWTH_MIB,
  }
}

const residentMib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
const mib = (value: number): string => `${Math.round(value)} MiB`

export default bench
