import { createHash } from 'node:crypto'
import { BitcoinError, type BitcoinNode, type Network, type Received, type Tip } from '#clients/bitcoin'
import type { Clock } from '#platform/base/clock'
import type { Cursor } from './cursor.ts'
import {
  BURIED,
  isFollowed,
  listVanished,
  outpointOf,
  recompute,
  type Arrival,
  type Coin,
  type Deposit,
} from './deposits.ts'

/** The attempt that a script belongs to. */
export interface Target {
  readonly attemptId: string
  /** Requested amount in sats. */
  readonly due: bigint
}

export interface PollDeps {
  readonly node: BitcoinNode
  readonly clock: Clock
  readonly network: Network
}

/** The new cursor, and facts about the poll. */
export interface NodePoll extends Cursor {
  /** Newest block that the poll read. */
  readonly tip: Tip
  /** The best chain continues after `tip`. */
  readonly more: boolean
  /** Number of earlier blocks that a reorg removed from the best chain. */
  readonly reorganised: number
}

/** Blocks that the first poll (without a cursor) reads: about a day. */
const FIRST_POLL_BLOCKS = 144
/** Blocks that are read again after a script is added. */
const OVERLAP = 6
/** Maximum blocks per poll, and per request to the node. */
const MAX_BLOCKS = 100
const BLOCKS_PER_REQUEST = 25
/** Keeps a request below the node's limit of 32 MiB. */
const SCRIPTS_PER_REQUEST = 20_000
const KEPT_BLOCKS = BURIED + 44
const MAX_ATTEMPTS = 3

/**
 * Polls the node once: reads the position of the chain, new deposits, and the state of known deposits. It has no side effects. Throws
 * BitcoinError when the node cannot answer, or when the chain changed during each of three attempts.
 */
export async function pollNode(
  deps: PollDeps,
  cursor: Cursor | undefined,
  targets: ReadonlyMap<string, Target>,
): Promise<NodePoll> {
  if (cursor && cursor.network !== deps.network)
    throw new BitcoinError(
      'bitcoin.wrong-chain',
      `earlier polls were on ${cursor.network}, and BITCOIN_NETWORK is ${deps.network}`,
    )
  for (let attempt = 1; ; attempt++) {
    const poll = await pollOnce(deps, cursor, targets)
    if (poll) return poll
    if (attempt === MAX_ATTEMPTS)
      throw new BitcoinError('bitcoin.unavailable', `the chain changed during each of ${MAX_ATTEMPTS} polls`)
  }
}

/** Returns undefined when the best block changed during the poll: the results before and after it are inconsistent. */
async function pollOnce(
  deps: PollDeps,
  cursor: Cursor | undefined,
  targets: ReadonlyMap<string, Target>,
): Promise<NodePoll | undefined> {
  const { node, network } = deps
  const best = await node.requireTip(network)
  const known = cursor?.deposits ?? []
  const allTargets = addKnownTargets(targets, known)
  const watched = hashOf([...allTargets.keys()])
  const held = await dropReorganised(node, cursor?.blocks ?? [])
  const from = firstHeight(cursor, held, best, watched)
  const to = Math.min(best.height, from + MAX_BLOCKS - 1)
  const scanned = await listBlocks(node, from, to, best)
  if (!scanned) return undefined
  const received = await scan(node, scanned, [...allTargets.keys()])
  const blocks = [...held.filter(({ height }) => height < from), ...scanned].slice(-KEPT_BLOCKS)
  const tip = blocks.at(-1) ?? best
  const more = to < best.height
  const arrivals = await describe(node, received, allTargets, known)
  const isInChain = chainOf(blocks)
  // A block after `tip` may hold a transaction that left the mempool. Only a poll that reaches the best block can decide that one vanished.
  const coins = more ? new Map<string, Coin>() : await coinsOf(node, listVanished(known, { arrivals, isInChain }))
  if (!received || (await node.requireTip(network)).hash !== best.hash) return undefined
  const deposits = recompute(known, { tip, now: deps.clock.now(), arrivals, isInChain, coins })
  const reorganised = (cursor?.blocks.length ?? 0) - held.length
  return { network, blocks, watched, tip, more, reorganised, deposits: deposits.filter((one) => isFollowed(one, tip)) }
}

/** Adds the scripts of known deposits: they are followed even when their attempt is no longer watched. */
function addKnownTargets(targets: ReadonlyMap<string, Target>, known: readonly Deposit[]): ReadonlyMap<string, Target> {
  const knownTargets = known.map(({ script, attemptId, due }) => [script, { attemptId, due }] as const)
  return new Map([...knownTargets, ...targets])
}

const hashOf = (scripts: readonly string[]): string =>
  createHash('sha256').update(scripts.toSorted().join()).digest('hex').slice(0, 32)

/** Returns the blocks that are still in the best chain. */
async function dropReorganised(node: BitcoinNode, blocks: readonly Tip[]): Promise<readonly Tip[]> {
  for (let count = blocks.length; count > 0; count--) {
    const last = blocks[count - 1]
    if (last && (await node.findBlockHash(last.height)) === last.hash) return blocks.slice(0, count)
  }
  return []
}

/** Returns the first block to read: the next one, or a few earlier ones when the scripts changed. */
function firstHeight(cursor: Cursor | undefined, held: readonly Tip[], best: Tip, watched: string): number {
  const last = held.at(-1)
  if (!cursor) return Math.max(0, best.height - FIRST_POLL_BLOCKS + 1)
  // The reorg removed every kept block: read again from the oldest of them.
  if (!last) return cursor.blocks[0]?.height ?? 0
  return Math.max(0, last.height + 1 - (watched === cursor.watched ? 0 : OVERLAP))
}

/** Returns undefined when these blocks no longer lead to `best`. */
async function listBlocks(node: BitcoinNode, from: number, to: number, best: Tip): Promise<Tip[] | undefined> {
  const blocks = await node.listBlocks(from, to)
  const last = blocks.at(-1)
  if (from > to) return []
  return last?.height === to && (to < best.height || last.hash === best.hash) ? blocks : undefined
}

/** Returns undefined when one of the blocks is no longer in the best chain. */
async function scan(
  node: BitcoinNode,
  blocks: readonly Tip[],
  scripts: readonly string[],
): Promise<Received[] | undefined> {
  if (scripts.length === 0) return []
  const received: Received[] = []
  for (const some of inParts(scripts, SCRIPTS_PER_REQUEST)) {
    for (const part of inParts(blocks, BLOCKS_PER_REQUEST)) {
      const hashes = part.map(({ hash }) => hash)
      try {
        received.push(...(await node.listReceived(hashes, some)))
      } catch (error) {
        if (isBlockGone(error)) return undefined
        throw isPruned(error) ? pruned(part[0]?.height ?? 0) : error
      }
    }
  }
  return received
}

/** Splits a list into parts. Returns at least one part, even if empty: each request also reads the mempool. */
const inParts = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.max(1, Math.ceil(all.length / size)) }, (_, i) => all.slice(i * size, (i + 1) * size))

/** Matches `Block not available (pruned data)` and the same message for undo data. Code -1 is Bitcoin Core's general error. */
const isPruned = (error: unknown): boolean =>
  error instanceof BitcoinError && error.rpcCode === -1 && /pruned data/.test(error.message)

const pruned = (height: number): BitcoinError =>
  new BitcoinError(
    'bitcoin.pruned',
    `the node pruned block ${height} before Purser read it. Connect a node that has it, or skip it: npx purser payments skip-blocks bitcoin`,
  )

/** Matches `Block is not in main chain` and `Block not found`. */
const isBlockGone = (error: unknown): boolean =>
  error instanceof BitcoinError && (error.rpcCode === -5 || error.rpcCode === -8) && error.message.includes('Block')

/** Returns a check whether a block is in the best chain. Blocks older than the oldest kept one are buried deep enough to be in it. */
function chainOf(blocks: readonly Tip[]): (block: Tip) => boolean {
  const hashes = new Map(blocks.map(({ hash, height }) => [height, hash]))
  const oldest = blocks[0]?.height ?? 0
  return ({ hash, height }) => height < oldest || hashes.get(height) === hash
}

/** Returns the arrivals with data of their transactions. A transaction that left the mempool meanwhile is left to the next poll. */
async function describe(
  node: BitcoinNode,
  received: readonly Received[] | undefined,
  targets: ReadonlyMap<string, Target>,
  known: readonly Deposit[],
): Promise<Arrival[]> {
  const before = new Map(known.map((deposit) => [deposit.outpoint, deposit]))
  const transactions = new Map<string, ReturnType<BitcoinNode['findTransaction']>>()
  const waiting = new Map<string, ReturnType<BitcoinNode['findUnconfirmed']>>()
  const once = <T>(map: Map<string, T>, key: string, make: () => T): T => {
    const value = map.get(key) ?? make()
    map.set(key, value)
    return value
  }
  const arrivals: Arrival[] = []
  for (const one of received ?? []) {
    const target = targets.get(one.script)
    if (!target) continue
    const { txid, sats, script, block } = one
    const outpoint = outpointOf(one)
    const kept = before.get(outpoint)
    const found = kept ?? (await once(transactions, txid, () => node.findTransaction(txid, block?.hash)))
    const unconfirmed = block ? undefined : await once(waiting, txid, () => node.findUnconfirmed(txid))
    if (!found || (!block && !unconfirmed)) continue
    const replaceable = unconfirmed ? unconfirmed.replaceable || unconfirmed.hasParents : false
    const { coinbase, inputs } = found
    arrivals.push({ outpoint, script, ...target, sats, coinbase, inputs, replaceable, block })
  }
  return arrivals
}

async function coinsOf(node: BitcoinNode, vanished: readonly Deposit[]): Promise<Map<string, Coin>> {
  const outpoints = [...new Set(vanished.flatMap(({ inputs }) => inputs))]
  const coins = await node.listCoins(outpoints)
  return new Map(outpoints.flatMap((outpoint, i) => (coins[i] ? [[outpoint, coins[i]] as const] : [])))
}
