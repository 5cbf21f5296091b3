import { createRandom } from '../random.ts'
import type { World } from '../world.ts'
import { operatorActs } from './acts/operator.ts'
import { orderActs } from './acts/orders.ts'
import { refundActs } from './acts/refunds.ts'
import { troubleActs } from './acts/troubles.ts'
import { openDesk, type Desk } from './desk.ts'
import {
  createRequestUntilAnswered,
  NOTHING,
  pick,
  type Act,
  type SimulationRun,
  type Random,
  type Shop,
} from './context.ts'
import { listFinalStates, checkFinalState, checkInvariants, runToCompletion } from './completion.ts'
import { SIM_RAILS } from './rails/index.ts'
import type { Fault } from './wire.ts'

/** Result of a seed. */
export interface Outcome {
  /** One sentence per violation. Empty when the run is correct. */
  readonly problems: readonly string[]
  /** Log of the steps, one line each. */
  readonly trace: readonly string[]
  /** Final state of each payment and refund. Equal for equal seeds. */
  readonly finalStates: readonly string[]
}

export const STEPS = 60

const OUTWARD: readonly Fault[] = ['not-sent', 'answer-lost', 'error-after', 'busy', 'killed', 'killed-first']
const INWARD: readonly Fault[] = [
  ...(['swallowed', 'twice', 'later', 'answer-lost', 'error-after', 'not-sent', 'killed', 'killed-first'] as const),
]
/** Steps between checks of the invariants, so that a violation is found near its cause. */
const CHECK_EVERY_STEPS = 10

/** Settings of a run, chosen by the seed. */
const SETTINGS: readonly Record<string, string>[] = [
  {},
  { REFUNDS_BEYOND_BALANCE: 'debt' },
  // Accepts unconfirmed payments, so replaced transactions were already counted.
  { BITCOIN_CONFIRMATIONS: '0.001:0,*:1' },
  { BITCOIN_CONFIRMATIONS: '0.0001:0,0.001:1,*:2', REFUNDS_BEYOND_BALANCE: 'debt' },
]

/** Runs one simulation: `steps` actions of merchants, payers, networks and machines, then completion without faults, then a comparison. */
export async function runSeed(seed: number, steps = STEPS): Promise<Outcome> {
  const random = createRandom(seed)
  const own = { REFUND_CLAIM_DAYS: '2', TRANSFER_INSTRUCTIONS: 'Account 0100', TRANSFER_DAYS: '3' }
  const env = { ...own, ...pick(random, SETTINGS) }
  await using desk = await openDesk({ seed, env })
  const trace: string[] = [JSON.stringify(env)]
  const problems: string[] = []
  const problem = (text: string): void => void problems.push(`step ${trace.length - 1}: ${text}`)
  const run: SimulationRun = {
    ...{ desk, random, problem, payments: [], refunds: [], transactions: [], bank: [], paidManually: new Map() },
    shops: await openShops(desk.world),
    requestUntilAnswered: createRequestUntilAnswered(desk, problem),
  }
  const acts = [orderActs, refundActs, operatorActs, troubleActs].flatMap((make) => make(run))
  acts.push(...SIM_RAILS.flatMap((rail) => rail.acts(run)))
  for (let step = 0; step < steps && problems.length === 0; step++) {
    if (random(6) === 0) desk.outward.down.clear()
    const { name, said, faults } = await doStep(desk, random, acts)
    await desk.restarted()
    desk.clearFaults()
    trace.push([step, name, said, faults].join(' '))
    if (random(5) === 0) await desk.inward.release()
    if (random(20) === 0) {
      trace.push(`${step} crash between`)
      await desk.crash()
    }
    if (step % CHECK_EVERY_STEPS === 0) for (const one of await checkInvariants(run, env)) problem(one)
  }
  await runToCompletion(run)
  problems.push(...(await checkFinalState(run)))
  return { problems, trace, finalStates: await listFinalStates(run) }
}

/** Returns the command that repeats the run. */
export const replayCommand = (seed: number, steps: number): string =>
  `npm run sim -- --from ${seed} --seeds 1 --steps ${steps}`

/** Chooses the faults of this step. Returns them as text for the trace. */
function planFaults({ outward, inward, crashAfter }: Desk, random: Random, faultProne: boolean): string {
  const fault = (all: readonly Fault[]): Fault | undefined =>
    random(6) < (faultProne ? 4 : 2) ? pick(random, all) : undefined
  Object.assign(outward, { fault: fault(OUTWARD), skipped: pick(random, [0, 0, 0, 1, 2]) })
  Object.assign(inward, { fault: fault(INWARD), skipped: pick(random, [0, 0, 0, 1, 2]) })
  const commits = random(8) === 0 ? 1 + random(8) : undefined
  crashAfter(commits)
  return [outward.fault ?? '-', inward.fault ?? '-', ...(commits === undefined ? [] : [`dies after ${commits}`])].join(
    ' ',
  )
}

/** Performs one random act that has something to act on. */
async function doStep(
  desk: Desk,
  random: Random,
  acts: readonly Act[],
): Promise<{ name: string; said: string; faults: string }> {
  for (;;) {
    const { name, act, faultProne = false } = pickAct(random, acts)
    const faults = planFaults(desk, random, faultProne)
    const said = await act()
    if (said !== NOTHING) return { name, said, faults }
  }
}

function pickAct(random: Random, acts: readonly Act[]): Act {
  let left = random(acts.reduce((sum, { weight }) => sum + weight, 0))
  return acts.find(({ weight }) => (left -= weight) < 0) as Act
}

/** Opens two shops: one is paid at once, the other a day later minus a fee. */
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
