import type { Received, Tip } from '#clients/bitcoin'

/**
 * Current state of a deposit (an output that pays one of our addresses). Each poll computes it from the node alone, so a poll can be repeated,
 * skipped or late. `orphaned`: the transaction is in no block of the best chain and not in the mempool (evicted or reorged). It may return.
 */
export type State =
  | { readonly kind: 'mempool' }
  | { readonly kind: 'confirmed'; readonly hash: string; readonly height: number }
  | { readonly kind: 'replaced'; readonly by: string }
  | { readonly kind: 'conflicted' }
  | { readonly kind: 'orphaned' }

/** An output to one of our addresses, as one poll found it. */
export interface Arrival {
  /** `txid:vout` */
  readonly outpoint: string
  readonly script: string
  readonly attemptId: string
  readonly sats: bigint
  /** Requested amount in sats. */
  readonly due: bigint
  readonly coinbase: boolean
  /** Outpoints that its transaction spends. */
  readonly inputs: readonly string[]
  /** While unconfirmed: the transaction or an unconfirmed parent can be replaced, or it has an unconfirmed parent. */
  readonly replaceable: boolean
  readonly block: Tip | undefined
}

/** An arrival and its history over the polls. */
export interface Deposit extends Omit<Arrival, 'block'> {
  readonly state: State
  /** Height of the best block when the deposit entered this kind of state. */
  readonly since: number
  readonly firstSeenAt: Date
  readonly reported: Reported
}

/** The last report to payments about a deposit. */
export interface Reported {
  readonly as: 'nothing' | 'seen' | 'final' | 'gone'
  /** Content of the last report. An equal report is not sent again. */
  readonly summary: string
  /** Number of reversals of final money. After a reversal the same output becomes a new receipt. */
  readonly reversals: number
  /** Number of losses of any kind, final or not. Each loss is reported once. */
  readonly losses: number
}

/** State of a coin (an output that a vanished transaction spends). */
export interface Coin {
  /** Id of the mempool transaction that spends it. */
  readonly spender: string | undefined
  readonly exists: boolean
}

/** Everything that one poll read from the node. */
export interface View {
  /** Newest block that the poll read. */
  readonly tip: Tip
  readonly now: Date
  /** Outputs to watched scripts, in the mempool and in the blocks that the poll read. */
  readonly arrivals: readonly Arrival[]
  isInChain(block: Tip): boolean
  /** Coins that vanished transactions spend, by outpoint. A deposit keeps its state while one of its coins is missing here. */
  readonly coins: ReadonlyMap<string, Coin>
}

const NOT_REPORTED: Reported = { as: 'nothing', summary: '', reversals: 0, losses: 0 }

/** Returns all deposits after a poll: the known ones with their new state, and the new ones. */
export function recompute(known: readonly Deposit[], view: View): Deposit[] {
  const arrivals = uniqueArrivals(view.arrivals)
  const before = new Map(known.map((deposit) => [deposit.outpoint, deposit]))
  const fresh = [...arrivals.values()].filter(({ outpoint }) => !before.has(outpoint))
  return [
    ...known.map((deposit) => updateDeposit(deposit, arrivals.get(deposit.outpoint), view)),
    ...fresh.map((arrival) => createDeposit(arrival, view)),
  ]
}

/** The node can list the same output more than once in a poll. A block outranks the mempool. */
function uniqueArrivals(arrivals: readonly Arrival[]): Map<string, Arrival> {
  const unique = new Map<string, Arrival>()
  for (const arrival of arrivals) {
    if (arrival.block || !unique.get(arrival.outpoint)?.block) unique.set(arrival.outpoint, arrival)
  }
  return unique
}

function createDeposit({ block, ...arrival }: Arrival, { tip, now }: View): Deposit {
  const state: State = block ? { kind: 'confirmed', ...block } : { kind: 'mempool' }
  return { ...arrival, state, since: tip.height, firstSeenAt: now, reported: NOT_REPORTED }
}

function updateDeposit(deposit: Deposit, arrival: Arrival | undefined, view: View): Deposit {
  const state = nextState(deposit, arrival, view)
  const since = state.kind === deposit.state.kind ? deposit.since : view.tip.height
  const replaceable = arrival ? arrival.replaceable : deposit.replaceable
  return { ...deposit, state, since, replaceable }
}

function nextState(deposit: Deposit, arrival: Arrival | undefined, { isInChain, coins }: View): State {
  const { state, inputs, outpoint } = deposit
  if (arrival?.block && isInChain(arrival.block)) return { kind: 'confirmed', ...arrival.block }
  if (state.kind === 'confirmed' && isInChain(state)) return state
  if (arrival) return { kind: 'mempool' }
  const found = inputs.map((input) => coins.get(input))
  if (found.includes(undefined)) return state
  const txid = outpoint.slice(0, outpoint.indexOf(':'))
  const by = found.find((coin) => coin?.spender !== undefined && coin.spender !== txid)?.spender
  if (by !== undefined) return { kind: 'replaced', by }
  // The coin was spent in a block, or its own transaction was replaced.
  return found.some((coin) => coin?.exists === false) ? { kind: 'conflicted' } : { kind: 'orphaned' }
}

/** Returns the deposits that this poll did not find. Their coins show what happened to them. */
export function listVanished(
  known: readonly Deposit[],
  { arrivals, isInChain }: Pick<View, 'arrivals' | 'isInChain'>,
): Deposit[] {
  const shown = new Set(arrivals.map(({ outpoint }) => outpoint))
  return known.filter(
    ({ outpoint, state }) => !shown.has(outpoint) && !(state.kind === 'confirmed' && isInChain(state)),
  )
}

/** Whether the output is in the mempool or in a block. */
export const isAlive = ({ state }: Pick<Deposit, 'state'>): boolean =>
  state.kind === 'mempool' || state.kind === 'confirmed'

/** Number of confirmations, its own block included; 0 when unconfirmed. */
export const confirmationsOf = ({ state }: Pick<Deposit, 'state'>, tip: Tip): number =>
  state.kind === 'confirmed' ? Math.max(0, tip.height - state.height + 1) : 0

/** Confirmations after which no reorg is expected. */
export const BURIED = 100
/** Blocks for which a reversed deposit is followed: two weeks. */
const REVERSED_KEPT = 2016

/** Whether the deposit can still change, so that the next poll must follow it. */
export function isFollowed(deposit: Deposit, tip: Tip): boolean {
  const { state, since, reported } = deposit
  if (state.kind === 'mempool') return true
  if (state.kind === 'confirmed') return confirmationsOf(deposit, tip) <= BURIED || reported.as !== 'final'
  return tip.height - since <= (reported.reversals > 0 ? REVERSED_KEPT : BURIED)
}

export const outpointOf = ({ txid, vout }: Pick<Received, 'txid' | 'vout'>): string => `${txid}:${vout}`
