import type { Received, Tip } from '#clients/bitcoin'

/**
 * Where an output that paid us is now. Recomputed at each look from what the node says and nothing else, so that a look may be repeated, skipped or
 * done late. `orphaned`: nobody holds its transaction (evicted, or in a block that is no longer of the chain), and it may come back.
 */
export type State =
  | { readonly kind: 'mempool' }
  | { readonly kind: 'confirmed'; readonly hash: string; readonly height: number }
  | { readonly kind: 'replaced'; readonly by: string }
  | { readonly kind: 'conflicted' }
  | { readonly kind: 'orphaned' }

/** What is known for good of an output that paid us, and what may change while it waits. */
export interface Arrival {
  /** `txid:vout` */
  readonly outpoint: string
  readonly script: string
  readonly attemptId: string
  readonly sats: bigint
  /** Asked for by the attempt. */
  readonly due: bigint
  readonly coinbase: boolean
  /** Outpoints that its transaction spends. */
  readonly inputs: readonly string[]
  /** While it waits: it or a parent may be replaced, or it hangs on a parent that waits. */
  readonly replaceable: boolean
  readonly block: Tip | undefined
}

export interface Sighting extends Omit<Arrival, 'block'> {
  readonly state: State
  /** Height of the best block when it came into this kind of state. */
  readonly since: number
  readonly firstSeenAt: Date
  readonly told: Told
}

/** What payments was told last, and how often money was taken back after it was final. */
export interface Told {
  readonly as: 'nothing' | 'seen' | 'final' | 'gone'
  /** The words of it, to tell nothing twice. */
  readonly words: string
  /** Takings back of final money: what comes again after one is a receipt of its own. */
  readonly reversals: number
  /** Goings of any kind: each is told once. */
  readonly goings: number
}

export interface Coin {
  readonly spender: string | undefined
  readonly exists: boolean
}

/** What one look at the node showed. */
export interface View {
  /** The last block of the best chain that was looked at. */
  readonly tip: Tip
  readonly now: Date
  /** Outputs to watched scripts, in the mempool and in the blocks that were looked at. */
  readonly arrivals: readonly Arrival[]
  isInChain(block: Tip): boolean
  /** The coins that vanished transactions spend, by outpoint; one that was not asked about leaves its sighting as it was. */
  readonly coins: ReadonlyMap<string, Coin>
}

const TOLD_NOTHING: Told = { as: 'nothing', words: '', reversals: 0, goings: 0 }

/** All sightings as they are after a look: the known ones and the new. */
export function recompute(known: readonly Sighting[], view: View): Sighting[] {
  const arrivals = uniqueArrivals(view.arrivals)
  const before = new Map(known.map((sighting) => [sighting.outpoint, sighting]))
  const fresh = [...arrivals.values()].filter(({ outpoint }) => !before.has(outpoint))
  return [
    ...known.map((sighting) => updated(sighting, arrivals.get(sighting.outpoint), view)),
    ...fresh.map((arrival) => sightingOf(arrival, view)),
  ]
}

/** The same output may be told by several looks into one pass; a block outranks the mempool. */
function uniqueArrivals(arrivals: readonly Arrival[]): Map<string, Arrival> {
  const unique = new Map<string, Arrival>()
  for (const arrival of arrivals) {
    if (arrival.block || !unique.get(arrival.outpoint)?.block) unique.set(arrival.outpoint, arrival)
  }
  return unique
}

function sightingOf({ block, ...arrival }: Arrival, { tip, now }: View): Sighting {
  const state: State = block ? { kind: 'confirmed', ...block } : { kind: 'mempool' }
  return { ...arrival, state, since: tip.height, firstSeenAt: now, told: TOLD_NOTHING }
}

function updated(sighting: Sighting, arrival: Arrival | undefined, view: View): Sighting {
  const state = stateOf(sighting, arrival, view)
  const since = state.kind === sighting.state.kind ? sighting.since : view.tip.height
  const replaceable = arrival ? arrival.replaceable : sighting.replaceable
  return { ...sighting, state, since, replaceable }
}

function stateOf(sighting: Sighting, arrival: Arrival | undefined, { isInChain, coins }: View): State {
  const { state, inputs, outpoint } = sighting
  if (arrival?.block && isInChain(arrival.block)) return { kind: 'confirmed', ...arrival.block }
  if (state.kind === 'confirmed' && isInChain(state)) return state
  if (arrival) return { kind: 'mempool' }
  const found = inputs.map((input) => coins.get(input))
  if (found.includes(undefined)) return state
  const own = outpoint.slice(0, outpoint.indexOf(':'))
  const by = found.find((coin) => coin?.spender !== undefined && coin.spender !== own)?.spender
  if (by !== undefined) return { kind: 'replaced', by }
  // Spent in a block, or made by a transaction that was itself replaced.
  return found.some((coin) => coin?.exists === false) ? { kind: 'conflicted' } : { kind: 'orphaned' }
}

/** Those whose transactions this look did not show where they were: their coins tell what became of them. */
export function listVanished(
  known: readonly Sighting[],
  { arrivals, isInChain }: Pick<View, 'arrivals' | 'isInChain'>,
): Sighting[] {
  const shown = new Set(arrivals.map(({ outpoint }) => outpoint))
  return known.filter(
    ({ outpoint, state }) => !shown.has(outpoint) && !(state.kind === 'confirmed' && isInChain(state)),
  )
}

export const isAlive = ({ state }: Pick<Sighting, 'state'>): boolean =>
  state.kind === 'mempool' || state.kind === 'confirmed'

/** Blocks that hold it, its own included; 0 when none does. */
export const confirmationsOf = ({ state }: Pick<Sighting, 'state'>, tip: Tip): number =>
  state.kind === 'confirmed' ? Math.max(0, tip.height - state.height + 1) : 0

/** Blocks after which nothing is expected to change any more. */
export const BURIED = 100
/** Money that was counted and taken back is looked for longer: two weeks. */
const REVERSED_KEPT = 2016

/** Whether it still needs looking at. */
export function isWatched(sighting: Sighting, tip: Tip): boolean {
  const { state, since, told } = sighting
  if (state.kind === 'mempool') return true
  if (state.kind === 'confirmed') return confirmationsOf(sighting, tip) <= BURIED || told.as !== 'final'
  return tip.height - since <= (told.reversals > 0 ? REVERSED_KEPT : BURIED)
}

export const outpointOf = ({ txid, vout }: Pick<Received, 'txid' | 'vout'>): string => `${txid}:${vout}`
