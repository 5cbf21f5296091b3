// POST /api/v1/payments of the real program beside a bare Fastify with one INSERT.
import { alternate, type Rates } from './lib/drive.ts'
import { LOADS } from './lib/loads.ts'
import { atLeast, ms, percent, perSecond, type Bench, type Bound } from './lib/result.ts'
import { openAll, startFloor, startOurs } from './lib/sides.ts'

const LANES = [1, 10, 50] as const
const SIDES = ['floor', 'ours'] as const
type Name = `${(typeof SIDES)[number]} ${(typeof LANES)[number]}`

const bench: Bench = async (context) => {
  const [floor, ours] = await openAll([startFloor(context), startOurs(context)])
  const sides = { floor, ours }
  const paths = { floor: '/payments', ours: '/api/v1/payments' }
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
          const [a, b] = [rates[`floor ${lanes}`], rates[`ours ${lanes}`]]
          return [
            ...[lanes, perSecond(a), perSecond(b), percent(b.perSecond / a.perSecond), ms(a.p50Us), ms(b.p50Us)],
            ...[ms(a.p99Us), ms(b.p99Us), times(b.p99Us / a.p99Us)],
          ]
        }),
      },
    ],
    bounds: boundsOf(rates['floor 50'], rates['ours 50']),
    notes: [
      'Purser: the real program in the sandbox, authenticated, a fresh Idempotency-Key each, log files on, nobody subscribed.',
      'Floor: Fastify without a logger and one prepared INSERT, a pool of 10, a PostgreSQL of its own with the same settings.',
    ],
  }
}

const times = (factor: number): string => `${factor.toFixed(1)}×`

function boundsOf(floor: Rates, ours: Rates): Bound[] {
  const [share, slower] = [ours.perSecond / floor.perSecond, ours.p99Us / floor.p99Us]
  const what = 'at 50 connections'
  return [
    atLeast(`share of the floor ${what}`, share, 0.5),
    { what: `p99 beside the floor's ${what}`, wanted: 'at most 3×', got: times(slower), met: slower <= 3 },
  ]
}

export default bench
