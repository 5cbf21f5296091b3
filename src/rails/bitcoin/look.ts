import { createHash } from 'node:crypto'
import { BitcoinError, type BitcoinNode, type Network, type Received, type Tip } from '#clients/bitcoin'
import type { Clock } from '#platform/base/clock'
import type { Cursor } from './cursor.ts'
import {
  BURIED,
  isWatched,
  listVanished,
  outpointOf,
  recompute,
  type Arrival,
  type Coin,
  type Sighting,
} from './sightings.ts'

/** Whose money arrives at a script. */
export interface Target {
  readonly attemptId: string
  /** Sats that were asked for. */
  readonly due: bigint
}

export interface LookDeps {
  readonly node: BitcoinNode
  readonly clock: Clock
  readonly network: Network
}

export interface Pass extends Cursor {
  readonly tip: Tip
  /** The chain goes on beyond `tip`. */
  readonly more: boolean
  /** Blocks that were looked at before and are no longer of the chain. */
  readonly reorganised: number
}

/** Without a cursor, and after each new script, blocks of so long ago are looked at. */
const FIRST_LOOK = 144
const OVERLAP = 6
/** A look catches up on so many blocks at most, and asks the node for so many at a time. */
const MAX_BLOCKS = 100
const AT_ONCE = 25
/** A request to the node has 32 MiB at most. */
const SCRIPTS_AT_ONCE = 20_000
const KEPT_BLOCKS = BURIED + 44
const TRIES = 3

/**
 * One look at the node: where the chain is now, what arrived, and what became of what was seen. Changes nothing anywhere. Throws BitcoinError when
 * the node cannot tell, or when the chain moves under each try.
 */
export async function lookAtNode(
  deps: LookDeps,
  cursor: Cursor | undefined,
  targets: ReadonlyMap<string, Target>,
): Promise<Pass> {
  if (cursor && cursor.network !== deps.network)
    throw new BitcoinError(
      'bitcoin.wrong-chain',
      `the desk was on ${cursor.network}, and BITCOIN_NETWORK is ${deps.network}`,
    )
  for (let left = TRIES; ; left--) {
    const pass = await lookOnce(deps, cursor, targets)
    if (pass) return pass
    if (left === 1) throw new BitcoinError('bitcoin.unavailable', 'the chain moved during each look')
  }
}

/** Undefined when a block came or went meanwhile: what was read before it and after it do not fit together. */
async function lookOnce(
  deps: LookDeps,
  cursor: Cursor | undefined,
  targets: ReadonlyMap<string, Target>,
): Promise<Pass | undefined> {
  const { node, network } = deps
  const best = await node.requireTip(network)
  const known = cursor?.sightings ?? []
  const allTargets = withKnown(targets, known)
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
  // What a block beyond `tip` holds has left the mempool, and is not seen yet: nothing vanished then.
  const coins = more ? new Map<string, Coin>() : await coinsOf(node, listVanished(known, { arrivals, isInChain }))
  if (!received || (await node.requireTip(network)).hash !== best.hash) return undefined
  const sightings = recompute(known, { tip, now: deps.clock.now(), arrivals, isInChain, coins })
  const reorganised = (cursor?.blocks.length ?? 0) - held.length
  return { network, blocks, watched, tip, more, reorganised, sightings: sightings.filter((one) => isWatched(one, tip)) }
}

/** What was seen is looked for, whether its attempt is still watched or not. */
function withKnown(targets: ReadonlyMap<string, Target>, known: readonly Sighting[]): ReadonlyMap<string, Target> {
  const seen = known.map(({ script, attemptId, due }) => [script, { attemptId, due }] as const)
  return new Map([...seen, ...targets])
}

const hashOf = (scripts: readonly string[]): string =>
  createHash('sha256').update(scripts.toSorted().join()).digest('hex').slice(0, 32)

/** The blocks that are still of the best chain. */
async function dropReorganised(node: BitcoinNode, blocks: readonly Tip[]): Promise<readonly Tip[]> {
  for (let count = blocks.length; count > 0; count--) {
    const last = blocks[count - 1]
    if (last && (await node.findBlockHash(last.height)) === last.hash) return blocks.slice(0, count)
  }
  return []
}

/** A script that is new is looked for in the last blocks again; without new ones only in new blocks. */
function firstHeight(cursor: Cursor | undefined, held: readonly Tip[], best: Tip, watched: string): number {
  const last = held.at(-1)
  if (!cursor) return Math.max(0, best.height - FIRST_LOOK + 1)
  // A reorganisation of all that is kept: everything after the oldest known block is looked at anew.
  if (!last) return cursor.blocks[0]?.height ?? 0
  return Math.max(0, last.height + 1 - (watched === cursor.watched ? 0 : OVERLAP))
}

/** Undefined when they do not lead to `best` any more. */
async function listBlocks(node: BitcoinNode, from: number, to: number, best: Tip): Promise<Tip[] | undefined> {
  const blocks = await node.listBlocks(from, to)
  const last = blocks.at(-1)
  if (from > to) return []
  return last?.height === to && (to < best.height || last.hash === best.hash) ? blocks : undefined
}

/** Undefined when one of the blocks is no longer of the chain. */
async function scan(
  node: BitcoinNode,
  blocks: readonly Tip[],
  scripts: readonly string[],
): Promise<Received[] | undefined> {
  if (scripts.length === 0) return []
  const received: Received[] = []
  for (const some of inParts(scripts, SCRIPTS_AT_ONCE)) {
    for (const part of inParts(blocks, AT_ONCE)) {
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

/** At least one, though there be nothing in it: the mempool is looked through all the same. */
const inParts = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.max(1, Math.ceil(all.length / size)) }, (_, i) => all.slice(i * size, (i + 1) * size))

/** `Block not available (pruned data)`, and the same of undo data: -1, as all that has no code of its own. */
const isPruned = (error: unknown): boolean =>
  error instanceof BitcoinError && error.rpcCode === -1 && /pruned data/.test(error.message)

const pruned = (height: number): BitcoinError =>
  new BitcoinError(
    'bitcoin.pruned',
    `the node has pruned block ${height}, which was not looked at: connect one that has it, or go on without: npx purser payments skip-blocks bitcoin`,
  )

/** `Block is not in main chain`, `Block not found`. */
const isBlockGone = (error: unknown): boolean =>
  error instanceof BitcoinError && (error.rpcCode === -5 || error.rpcCode === -8) && error.message.includes('Block')

/** Blocks below the oldest one kept are buried deep enough to be of the chain. */
function chainOf(blocks: readonly Tip[]): (block: Tip) => boolean {
  const hashes = new Map(blocks.map(({ hash, height }) => [height, hash]))
  const oldest = blocks[0]?.height ?? 0
  return ({ hash, height }) => height < oldest || hashes.get(height) === hash
}

/** What arrived, with what matters of its transaction. One that left the mempool meanwhile is left for the next look. */
async function describe(
  node: BitcoinNode,
  received: readonly Received[] | undefined,
  targets: ReadonlyMap<string, Target>,
  known: readonly Sighting[],
): Promise<Arrival[]> {
  const before = new Map(known.map((sighting) => [sighting.outpoint, sighting]))
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

async function coinsOf(node: BitcoinNode, vanished: readonly Sighting[]): Promise<Map<string, Coin>> {
  const outpoints = [...new Set(vanished.flatMap(({ inputs }) => inputs))]
  const coins = await node.lookAtCoins(outpoints)
  return new Map(outpoints.flatMap((outpoint, i) => (coins[i] ? [[outpoint, coins[i]] as const] : [])))
}
