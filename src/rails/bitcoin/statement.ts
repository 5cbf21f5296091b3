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
/** A mempool keeps unconfirmed transactions for this long (Bitcoin Core, DEFAULT_MEMPOOL_EXPIRY_HOURS). */
const LATE_MS = 14 * DAY_MS
const BLOCKS_PER_PAGE = 50
/** Block times can go backwards by up to two hours, median times cannot. This many extra blocks cover the difference. */
const MARGIN_BLOCKS = 24
/** Maximum number of receipt ids that one output gets after reversals; see `receiptIdOf` in report.ts. */
const MAX_REAPPEARANCES = 3

/**
 * Lists the payments to our addresses from the chain, block by block, and the unconfirmed ones. The block time decides the day of a payment.
 * The lines come from the operator's own node, so reconciliation books a final line without another query.
 */
export const createStatement = (deps: StatementDeps): RailStatement => ({
  reachMs: REACH_MS,
  lateMs: LATE_MS,
  list: (span) => list(deps, span),
  receiptOf: (line, requested) => receiptOf(deps, line, requested),
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
  const blocks = await node.listBlocks(first, Math.min(first + BLOCKS_PER_PAGE - 1, best.height))
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
    // List unconfirmed payments on the last page only: an earlier page may list the same one in a block.
    if (attemptId === undefined || (!one.block && more)) return []
    return [lineOf(one, attemptId, one.block ? times.get(one.block.hash) : clock.now())]
  })
  return { lines, cursor: more ? String(last.height + 1) : undefined }
}

function lineOf({ txid, vout, sats, block }: Received, attemptId: string, at: Date | undefined): StatementLine {
  const id = `${txid}:${vout}`
  if (!at) throw new RangeError(`The node listed ${id} in a block that was not requested`)
  return {
    id,
    receiptId: id,
    againIds: Array.from({ length: MAX_REAPPEARANCES }, (_, i) => `${id}:again:${i + 1}`),
    gross: money('BTC/8', sats),
    at,
    attemptId,
    ...(block && { proof: block.hash }),
  }
}

/** Returns the lowest block whose median time is not before `from`, minus a margin. Binary search. */
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
  if (!header) throw new RangeError(`The node no longer has block ${height}`)
  return header
}

async function receiptOf(
  { node, network, tiers }: StatementDeps,
  { id, proof, gross, at }: StatementLine,
  requested: Money,
): Promise<RailReceipt | undefined> {
  if (proof === undefined) return undefined
  const [txid = ''] = id.split(':')
  const best = await node.requireTip(network())
  const [header] = await node.listHeaders([proof])
  if (!header || (await node.findBlockHash(header.height)) !== proof) return undefined
  const transaction = await node.findTransaction(txid, proof)
  if (!transaction) return undefined
  const have = best.height - header.height + 1
  const sats = gross.amount > requested.amount ? gross.amount : requested.amount
  const need = confirmationsNeeded(tiers(), { sats, replaceable: false, coinbase: transaction.coinbase })
  if (have < need) return undefined
  return { id, gross, at, final: true, stated: true, confirmations: { have: need, need } }
}
