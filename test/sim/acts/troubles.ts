import { pick, type Act, type SimulationRun } from '../context.ts'

const PROVIDERS = ['daraja', 'stripe', 'airtel', 'crossmint', 'bitcoin/rpc'].map((name) => `/sandbox/${name}`)
const PRICES = ['coingecko', 'coinbase', 'kraken'].map((name) => `/sandbox/${name}`)

/** Makes a provider unreachable, or all reachable again. */
function toggleReachability({ desk: { outward }, random }: SimulationRun): string {
  if (outward.down.size > 0 && random(2) === 0) {
    outward.down.clear()
    return 'all are back'
  }
  const gone = random(3) === 0 ? PRICES.slice(0, 1 + random(3)) : [pick(random, PROVIDERS)]
  for (const one of gone) outward.down.add(one)
  return gone.join(' ')
}

/** Changes the price of coins, or makes one source lie. */
async function prices({ desk, random }: SimulationRun): Promise<string> {
  if (random(3) === 0) {
    const source = pick(random, PRICES)
    const { status } = await desk.visit(`${source}/faults`, { kind: 'lying', count: 2, percent: 50 + random(150) })
    return `${source} lies ${status}`
  }
  const price = `${40_000 + random(50_000)}.50`
  const { status } = await desk.visit('/sandbox/prices', { 'BTC/USD': price })
  return `${price} ${status}`
}

/** Passes up to half a minute, or minutes until quotes and payments expire. */
async function pass({ desk, random }: SimulationRun): Promise<string> {
  if (random(9) === 0) {
    const minutes = pick(random, [6, 16, 20, 70])
    await desk.pass(minutes * 60_000, 5 * 60_000)
    return `${minutes} min`
  }
  const seconds = 1 + random(30)
  await desk.pass(Math.min(seconds, 4) * 1000)
  if (seconds > 4) await desk.pass((seconds - 4) * 1000, 10_000)
  return `${seconds} s`
}

/** Acts of time and failing machines. */
export const troubleActs = (run: SimulationRun): readonly Act[] => [
  { name: 'pass', weight: 16, act: () => pass(run) },
  { name: 'away', weight: 3, act: () => Promise.resolve(toggleReachability(run)) },
  { name: 'prices', weight: 3, act: () => prices(run) },
]
