// Creates payments (POST /api/v1/payments) with the real program, beside a bare Fastify with one INSERT.
import { alternate, type Rates } from './lib/drive.ts'
import { LOADS } from './lib/loads.ts'
import { atLeast, ms, percent, perSecond, type Bench, type Bound } from './lib/result.ts'
import { openAll, startFloor, startPurser } from './lib/sides.ts'

const LANES = [1, 10, 50] as const
const SIDES = ['floor', 'purser'] as const
type Name = `${(typeof SIDES)[number]} ${(typeof LANES)[number]}`

const bench: Bench = async (context) => {
  const [floor, purser] = await openAll([startFloor(context), startPurser(context)])
  const sides = { floor, purser }
  const paths = { floor: '/payments', purser: '/api/v1/payments' }
  const variants = LANES.flatMap((lanes) =>
    SIDES.map((side) => {
      const timing = { lanes, durationMs: context.durationMs }
      return [`${side} ${lanes}`, () => LOADS.payments(sides[side], timing, paths[side])] as const
    }),
  )
  const rates = await alternate(Object.fromEntries(variants) as Record<Name, () => Promise<Rates>>, context.runs)
  return {
    tables: [
      {
        title: 'Creating payments',
        columns: ['connections', 'floor/s', 'Purser/s', 'share', 'floor p50', 'p50', 'floor p99', 'p99', 'times'],
        rows: LANES.map((lanes) => {
          const [a, b] = [rates[`floor ${lanes}`], rates[`purser ${lanes}`]]
          return [
            ...[lanes, perSecond(a), perSecond(b), percent(b.perSecond / a.perSecond), ms(a.p50Us), ms(b.p50Us)],
            ...[ms(a.p99Us), ms(b.p99Us), renderFactor(b.p99Us / a.p99Us)],
          ]
        }),
      },
    ],
    bounds: listBounds(rates['floor 50'], rates['purser 50']),
    notes: [
      'Purser: the real program in the sandbox, authenticated, a new Idempotency-Key for each request, log files on, no webhook endpoint.',
      'Floor: Fastify without a logger and one prepared INSERT, with a pool of 10 and its own PostgreSQL with the same settings.',
    ],
  }
}

const renderFactor = (factor: number): string => `${factor.toFixed(1)}×`

function listBounds(floor: Rates, purser: Rates): Bound[] {
  const [share, slower] = [purser.perSecond / floor.perSecond, purser.p99Us / floor.p99Us]
  const what = 'at 50 connections'
  return [
    atLeast(`share of the floor ${what}`, share, 0.5),
    { what: `p99 beside the floor's ${what}`, wanted: 'at most 3×', got: renderFactor(slower), met: slower <= 3 },
  ]
}

export default bench
