import { scriptOf, type BitcoinNode, type Header, type Network, type Received, type Tip } from '#clients/bitcoin'
import { money, type Money } from '#money'
import type { RailReceipt, RailStatement, StatementLine, StatementPage, StatementSpan } from '#rails/contract'
import type { Clock } from '#platform/base/clock'
import { confirmationsNeeded, type Tier } from './finality.ts'

interface StatementDeps {
  readonly node: BitcoinNode
  readonly clock: Clock
  readonly network: () => Network
  readonly tiers: () => readonly Tier[]
}

const DAY_MS = 24 * 60 * 60_000
const REACH_MS = 366 * DAY_MS
/** So long a mempool keeps what no block takes (Bitcoin Core, DEFAULT_MEMPOOL_EXPIRY_HOURS). */
const LATE_MS = 14 * DAY_MS
const BLOCKS_A_PAGE = 50
/** Times of blocks go back and forth by up to two hours, their median does not: so many more are looked at. */
const MARGIN_BLOCKS = 24
/** The most often that money of ours is known to come back; see `receiptIdOf`. */
const AGAIN = 3

/**
 * What the chain says that our addresses received, block by block, and what waits in the mempool now. The time of its block decides of which
 * day money is. A line is the node's own word, so that what it names is counted without another question once it is final.
 */
export const createStatement = (deps: StatementDeps): RailStatement => ({
  reachMs: REACH_MS,
  lateMs: LATE_MS,
  list: (span) => list(deps, span),
  receiptOf: (line, asked) => receiptOf(deps, line, asked),
})

async function list(
  { node, clock, network }: StatementDeps,
  { from, to, cursor, watched }: StatementSpan,
): Promise<StatementPage> {
  const best = await node.requireTip(network())
  const attempts = new Map(
    watched.map(({ reference, attemptId }) => [scriptOf(reference, network()), attemptId] as const),
  )
  if (attempts.size === 0) return { lines: [], cursor: undefined }
  const first = cursor === undefined ? await firstBlock(node, best, from) : Number.parseInt(cursor, 10)
  const blocks = await node.listBlocks(first, Math.min(first + BLOCKS_A_PAGE - 1, best.height))
  const headers = await node.listHeaders(blocks.map(({ hash }) => hash))
  const received = await node.listReceived(
    blocks.map(({ hash }) => hash),
    [...attempts.keys()],
  )
  const last = headers.at(-1)
  const more = last !== undefined && last.height < best.height && last.medianAt < to
  const times = new Map(headers.map(({ hash, at }) => [hash, at]))
  const lines = received.flatMap((one): StatementLine[] => {
    const attemptId = attempts.get(one.script)
    // What waits is told on the last page: a block of a page before may have taken it meanwhile.
    if (attemptId === undefined || (!one.block && more)) return []
    return [lineOf(one, attemptId, one.block ? times.get(one.block.hash) : clock.now())]
  })
  return { lines, cursor: more ? String(last.height + 1) : undefined }
}

function lineOf({ txid, vout, sats, block }: Received, attemptId: string, at: Date | undefined): StatementLine {
  const id = `${txid}:${vout}`
  if (!at) throw new RangeError(`The node told of ${id} in a block that it was not asked about`)
  return {
    id,
    receiptId: id,
    againIds: Array.from({ length: AGAIN }, (_, i) => `${id}:again:${i + 1}`),
    gross: money('BTC/8', sats),
    at,
    attemptId,
    ...(block && { proof: block.hash }),
  }
}

/** The lowest block whose median time is not before `from`, less a margin. */
async function firstBlock(node: BitcoinNode, best: Tip, from: Date): Promise<number> {
  let [low, high] = [0, best.height]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((await headerAt(node, middle)).medianAt < from) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - MARGIN_BLOCKS)
}

async function headerAt(node: BitcoinNode, height: number): Promise<Header> {
  const [block] = await node.listBlocks(height, height)
  const [header] = block ? await node.listHeaders([block.hash]) : []
  if (!header) throw new RangeError(`The node has no block ${height} any more`)
  return header
}

async function receiptOf(
  { node, network, tiers }: StatementDeps,
  { id, proof, gross, at }: StatementLine,
  asked: Money,
): Promise<RailReceipt | undefined> {
  if (proof === undefined) return undefined
  const [txid = ''] = id.split(':')
  const best = await node.requireTip(network())
  const [header] = await node.listHeaders([proof])
  if (!header || (await node.findBlockHash(header.height)) !== proof) return undefined
  const transaction = await node.findTransaction(txid, proof)
  if (!transaction) return undefined
  const have = best.height - header.height + 1
  const sats = gross.amount > asked.amount ? gross.amount : asked.amount
  const need = confirmationsNeeded(tiers(), { sats, replaceable: false, coinbase: transaction.coinbase })
  if (have < need) return undefined
  return { id, gross, at, final: true, stated: true, confirmations: { have: need, need } }
}
