import { createRandom } from '../random.ts'
import type { World } from '../world.ts'
import { operatorActs } from './acts/operator.ts'
import { orderActs } from './acts/orders.ts'
import { refundActs } from './acts/refunds.ts'
import { troubleActs } from './acts/troubles.ts'
import { openDesk, type Desk } from './desk.ts'
import { createInsist, NOTHING, pick, type Act, type Life, type Random, type Shop } from './life.ts'
import { endsOf, judge, lookAtBooks, makePeace } from './peace.ts'
import { SIM_RAILS } from './rails/index.ts'
import type { Mishap } from './wire.ts'

/** What a seed led to. */
export interface Outcome {
  /** Sentences on what must not be; none when all is well. */
  readonly problems: readonly string[]
  /** What was done, line by line. */
  readonly trace: readonly string[]
  /** What became of each payment and refund: the same for the same seed. */
  readonly ends: readonly string[]
}

export const STEPS = 60

const OUTWARD: readonly Mishap[] = ['not-sent', 'answer-lost', 'error-after', 'busy', 'killed', 'killed-first']
const INWARD: readonly Mishap[] = [
  ...(['swallowed', 'twice', 'later', 'answer-lost', 'error-after', 'not-sent', 'killed', 'killed-first'] as const),
]
/** Steps between looks at the invariants, so that what breaks them is near. */
const LOOK_EVERY = 10

/** How a desk may be set up, by seed. */
const SETTINGS: readonly Record<string, string>[] = [
  {},
  { REFUNDS_BEYOND_BALANCE: 'debt' },
  // Takes what no block holds: what is replaced was counted.
  { BITCOIN_CONFIRMATIONS: '0.001:0,*:1' },
  { BITCOIN_CONFIRMATIONS: '0.0001:0,0.001:1,*:2', REFUNDS_BEYOND_BALANCE: 'debt' },
]

/** One life of a desk: `steps` things that merchants, payers, networks and machines do, then peace, then the accounts are compared. */
export async function runSeed(seed: number, steps = STEPS): Promise<Outcome> {
  const random = createRandom(seed)
  const own = { REFUND_CLAIM_DAYS: '2', TRANSFER_INSTRUCTIONS: 'Account 0100', TRANSFER_DAYS: '3' }
  const env = { ...own, ...pick(random, SETTINGS) }
  await using desk = await openDesk({ seed, env })
  const trace: string[] = [JSON.stringify(env)]
  const problems: string[] = []
  const problem = (text: string): void => void problems.push(`step ${trace.length - 1}: ${text}`)
  const life: Life = {
    ...{ desk, random, problem, payments: [], refunds: [], transactions: [], bank: [], paidByHand: new Map() },
    shops: await openShops(desk.world),
    insist: createInsist(desk, problem),
  }
  const acts = [orderActs, refundActs, operatorActs, troubleActs].flatMap((make) => make(life))
  acts.push(...SIM_RAILS.flatMap((rail) => rail.acts(life)))
  for (let step = 0; step < steps && problems.length === 0; step++) {
    if (random(6) === 0) desk.outward.down.clear()
    const { name, said, weather } = await doOne(desk, random, acts)
    await desk.settled()
    desk.calm()
    trace.push([step, name, said, weather].join(' '))
    if (random(5) === 0) await desk.inward.release()
    if (random(20) === 0) {
      trace.push(`${step} crash between`)
      await desk.crash()
    }
    if (step % LOOK_EVERY === 0) for (const one of await lookAtBooks(life, env)) problem(one)
  }
  await makePeace(life)
  problems.push(...(await judge(life)))
  return { problems, trace, ends: await endsOf(life) }
}

/** How to lead the life again. */
export const replayOf = (seed: number, steps: number): string =>
  `npm run sim -- --from ${seed} --seeds 1 --steps ${steps}`

/** Says what may befall this step. */
function changeWeather({ outward, inward, dieAfter }: Desk, random: Random, rough: boolean): string {
  const mishap = (all: readonly Mishap[]): Mishap | undefined =>
    random(6) < (rough ? 4 : 2) ? pick(random, all) : undefined
  Object.assign(outward, { mishap: mishap(OUTWARD), spared: pick(random, [0, 0, 0, 1, 2]) })
  Object.assign(inward, { mishap: mishap(INWARD), spared: pick(random, [0, 0, 0, 1, 2]) })
  const commits = random(8) === 0 ? 1 + random(8) : undefined
  dieAfter(commits)
  return [
    outward.mishap ?? '-',
    inward.mishap ?? '-',
    ...(commits === undefined ? [] : [`dies after ${commits}`]),
  ].join(' ')
}

/** One of the acts that there is something to do for. */
async function doOne(
  desk: Desk,
  random: Random,
  acts: readonly Act[],
): Promise<{ name: string; said: string; weather: string }> {
  for (;;) {
    const { name, act, rough = false } = choose(random, acts)
    const weather = changeWeather(desk, random, rough)
    const said = await act()
    if (said !== NOTHING) return { name, said, weather }
  }
}

function choose(random: Random, acts: readonly Act[]): Act {
  let left = random(acts.reduce((sum, { weight }) => sum + weight, 0))
  return acts.find(({ weight }) => (left -= weight) < 0) as Act
}

/** One that gets its money at once and one that gets it later, less a fee. */
async function openShops({ app, merchantId, key }: World): Promise<Shop[]> {
  const { identity, db } = app
  const actor = { type: 'system', id: 'sim' } as const
  const other = await db.transaction(async (tx) => {
    const { id } = await identity.createMerchant(tx, { name: 'Later Shop' }, actor)
    await identity.setSettlement(tx, { merchantId: id, holdDays: 1, feeBps: 250, feeFixed: { KES: '5.00' } }, actor)
    const { secret } = await identity.createKey(tx, { merchantId: id, name: 'sim' }, actor)
    return { merchantId: id, key: secret }
  })
  return [{ merchantId, key }, other]
}
