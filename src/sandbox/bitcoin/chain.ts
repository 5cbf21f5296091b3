import { buildCoinbase, outpoint, txidOf, type Output, type Transaction } from './transactions.ts'

export interface Block {
  readonly hash: string
  readonly height: number
  readonly previous: string | undefined
  /** Seconds. */
  readonly time: number
  readonly txids: readonly string[]
}

/** State that the node reports, to test how a client reacts to it. */
export interface NodeState {
  readonly chain: string
  readonly syncing: boolean
  readonly warmingUp: boolean
  /** Sat per virtual byte. Undefined: too little data, as on a young chain. */
  readonly estimate: number | undefined
}

export interface Chain {
  /** The best chain, by height. */
  blocks: Block[]
  /** Blocks that a reorg disconnected. */
  stale: Block[]
  /** All transactions ever accepted. */
  txs: Record<string, Transaction>
  /** In order of arrival, parents before children. */
  mempool: string[]
  /** Makes the hash of each block and payment unique. */
  nonce: number
  nodeState: NodeState
}

/** A `sequence` notification: A added, R removed, C connected, D disconnected. */
export interface Notice {
  readonly kind: 'A' | 'R' | 'C' | 'D'
  readonly hash: string
}

/** A refusal of the node, with its error code. */
export class RpcError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

const GENESIS = '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206'
/** The payer's script. Nobody has its key, and the simulator does not check signatures. */
export const PAYER_SCRIPT = `0014${'fa'.repeat(20)}`
const PAYER_COINS = 200
const PAYER_COIN_SATS = 500_000_000n
const REWARD = 5_000_000_000n
const MATURITY = 100
/** Sat per virtual byte. */
export const MIN_FEE_RATE = 1n
const DEFAULT_NODE_STATE: NodeState = { chain: 'regtest', syncing: false, warmingUp: false, estimate: undefined }

/** Creates a chain on which the payer has spendable coins. */
export function newChain(time: number): Chain {
  const genesis = { hash: GENESIS, height: 0, previous: undefined, time: 1_296_688_602, txids: [] }
  const chain: Chain = { blocks: [genesis], stale: [], txs: {}, mempool: [], nonce: 0, nodeState: DEFAULT_NODE_STATE }
  connectBlock(
    chain,
    [],
    time,
    Array.from({ length: PAYER_COINS }, () => ({ sats: PAYER_COIN_SATS, script: PAYER_SCRIPT })),
  )
  for (let i = 0; i < MATURITY; i++) connectBlock(chain, [], time)
  return chain
}

export const tipOf = ({ blocks }: Chain): Block => {
  const tip = blocks.at(-1)
  if (!tip) throw new RangeError('a chain without its first block')
  return tip
}

/** Maps each spent outpoint to its spender, in the best chain or the mempool. */
export function spendersOf({ txs }: Chain, txids: Iterable<string>): Map<string, string> {
  const spenders = new Map<string, string>()
  for (const txid of txids) for (const input of txs[txid]?.inputs ?? []) spenders.set(outpoint(input), txid)
  return spenders
}

export const confirmedTxids = ({ blocks }: Chain): string[] => blocks.flatMap(({ txids }) => txids)

/** Returns the block of the best chain that contains the transaction. */
export const blockOf = ({ blocks }: Chain, txid: string): Block | undefined =>
  blocks.findLast(({ txids }) => txids.includes(txid))

export interface Coin {
  readonly output: Output
  /** Undefined for a coin of a mempool transaction. */
  readonly height: number | undefined
  readonly coinbase: boolean
}

/** Finds an unspent output. With `mempool`, mempool transactions also create and spend outputs. */
export function findCoin(chain: Chain, at: { txid: string; vout: number }, mempool: boolean): Coin | undefined {
  const tx = chain.txs[at.txid]
  const output = tx?.outputs[at.vout]
  const block = blockOf(chain, at.txid)
  if (!tx || !output || (!block && !(mempool && chain.mempool.includes(at.txid)))) return undefined
  const spent = spendersOf(chain, mempool ? [...confirmedTxids(chain), ...chain.mempool] : confirmedTxids(chain))
  return spent.has(outpoint(at)) ? undefined : { output, height: block?.height, coinbase: tx.inputs.length === 0 }
}

/** Approximate virtual bytes, for segwit inputs and outputs. */
export const sizeOf = ({ inputs, outputs }: Pick<Transaction, 'inputs' | 'outputs'>): bigint =>
  BigInt(11 + 68 * inputs.length + 31 * outputs.length)

export function feeOf({ txs }: Chain, { inputs, outputs }: Transaction): bigint {
  const into = inputs.reduce((sum, { txid, vout }) => sum + (txs[txid]?.outputs[vout]?.sats ?? 0n), 0n)
  return outputs.reduce((left, { sats }) => left - sats, into)
}

/** Returns these transactions and all their descendants in the mempool. */
function withDescendants(chain: Chain, txids: readonly string[]): string[] {
  const gone = new Set(txids)
  for (const txid of chain.mempool) if (chain.txs[txid]?.inputs.some((input) => gone.has(input.txid))) gone.add(txid)
  return chain.mempool.filter((txid) => gone.has(txid))
}

export function listAncestors(chain: Chain, txid: string): string[] {
  const found = new Set<string>()
  const visit = (id: string): void => {
    for (const input of chain.txs[id]?.inputs ?? []) {
      if (!chain.mempool.includes(input.txid) || found.has(input.txid)) continue
      found.add(input.txid)
      visit(input.txid)
    }
  }
  visit(txid)
  return [...found]
}

/** Adds a transaction to the mempool and removes conflicting ones when it pays more. Throws RpcError. */
export function acceptToMempool(chain: Chain, tx: Transaction): Notice[] {
  if (chain.mempool.includes(tx.txid)) return []
  if (blockOf(chain, tx.txid)) throw new RpcError(-27, 'Transaction outputs already in utxo set')
  const conflicts = checkAcceptance(chain, tx)
  chain.txs[tx.txid] = tx
  const notices = removeFromMempool(chain, conflicts)
  chain.mempool.push(tx.txid)
  return [...notices, { kind: 'A', hash: tx.txid }]
}

/** Returns the conflicting transactions that it would replace. Throws RpcError when the mempool would refuse it. */
export function checkAcceptance(chain: Chain, tx: Transaction): string[] {
  if (tx.outputs.some(isDust)) throw new RpcError(-26, 'dust')
  refuseBadInputs(chain, tx)
  const fee = feeOf(chain, tx)
  if (fee < 0n) throw new RpcError(-26, 'bad-txns-in-belowout')
  if (fee < sizeOf(tx) * MIN_FEE_RATE) throw new RpcError(-26, 'min relay fee not met')
  const spenders = spendersOf(chain, chain.mempool)
  const direct = tx.inputs.flatMap((input) => spenders.get(outpoint(input)) ?? [])
  const conflicts = withDescendants(chain, direct)
  if (tx.inputs.some(({ txid }) => conflicts.includes(txid))) throw new RpcError(-26, 'bad-txns-spends-conflicting-tx')
  // Since Core 29, a higher fee replaces regardless of signalling (full RBF).
  const replacedFees = conflicts.reduce((sum, txid) => sum + feeOfKnown(chain, txid), 0n)
  if (conflicts.length > 0 && fee < replacedFees + sizeOf(tx)) throw new RpcError(-26, 'insufficient fee')
  return conflicts
}

const feeOfKnown = (chain: Chain, txid: string): bigint => {
  const tx = chain.txs[txid]
  return tx ? feeOf(chain, tx) : 0n
}

function refuseBadInputs(chain: Chain, tx: Transaction): void {
  const spent = spendersOf(chain, confirmedTxids(chain))
  for (const input of tx.inputs) {
    const block = blockOf(chain, input.txid)
    const source = chain.txs[input.txid]
    const exists = source?.outputs[input.vout] && (block ?? chain.mempool.includes(input.txid))
    if (!exists || spent.has(outpoint(input))) throw new RpcError(-25, 'bad-txns-inputs-missingorspent')
    if (block && source.inputs.length === 0 && tipOf(chain).height + 1 - block.height < MATURITY)
      throw new RpcError(-26, 'bad-txns-premature-spend-of-coinbase')
  }
}

/** Whether spending the output costs more than its value (policy.cpp): below 294 sats for wpkh, 330 for tr, 546 for older scripts. */
function isDust({ sats, script }: Output): boolean {
  if (script.startsWith('6a')) return false
  return sats < (script.startsWith('0014') ? 294n : script.startsWith('5120') ? 330n : 546n)
}

/** Removes transactions and their descendants from the mempool. */
export function removeFromMempool(chain: Chain, txids: readonly string[]): Notice[] {
  const gone = withDescendants(chain, txids)
  chain.mempool = chain.mempool.filter((txid) => !gone.includes(txid))
  return gone.map((hash) => ({ kind: 'R', hash }))
}

/** Adds a block with these transactions, parents first. Conflicting transactions leave the mempool. */
export function connectBlock(
  chain: Chain,
  txids: readonly string[],
  time: number,
  reward: readonly Output[] = [{ sats: REWARD, script: PAYER_SCRIPT }],
): Notice[] {
  const previous = tipOf(chain)
  const height = previous.height + 1
  const coinbase = buildCoinbase(height, chain.nonce++, reward)
  chain.txs[coinbase.txid] = coinbase
  const all = [coinbase.txid, ...txids]
  const hash = txidOf(Buffer.from([previous.hash, height, time, ...all].join()))
  chain.blocks.push({ hash, height, previous: previous.hash, time, txids: all })
  chain.mempool = chain.mempool.filter((txid) => !txids.includes(txid))
  const spent = spendersOf(chain, txids)
  const conflicts = chain.mempool.filter((txid) => chain.txs[txid]?.inputs.some((input) => spent.has(outpoint(input))))
  return [...removeFromMempool(chain, conflicts), { kind: 'C', hash }]
}

/** Disconnects the last block. Its payments return to the mempool if they are still valid. */
export function disconnectBlock(chain: Chain): Notice[] {
  const block = tipOf(chain)
  if (block.height === 0) throw new RpcError(-8, 'the first block stays')
  chain.blocks.pop()
  chain.stale.push(block)
  const [coinbase = '', ...back] = block.txids
  const notices = removeFromMempool(chain, withDescendants(chain, [coinbase]))
  chain.mempool = [...back, ...chain.mempool.filter((txid) => !back.includes(txid))]
  // Transactions that spend a removed or immature coinbase cannot stay in the mempool.
  const orphans = chain.mempool.filter((txid) => chain.txs[txid]?.inputs.some((input) => input.txid === coinbase))
  return [{ kind: 'D', hash: block.hash }, ...notices, ...removeFromMempool(chain, orphans)]
}
