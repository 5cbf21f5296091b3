import {
  acceptToMempool,
  blockOf,
  feeOf,
  findCoin,
  listAncestors,
  MIN_FEE_RATE,
  RpcError,
  checkAcceptance,
  sizeOf,
  spendersOf,
  tipOf,
  type Block,
  type Chain,
  type Notice,
} from './chain.ts'
import { addressOf, outpoint, readTransaction, scriptOf, type Transaction } from './transactions.ts'

/** An amount of BTC in JSON, with eight decimals as the node writes it. */
class Btc {
  readonly #sats: bigint
  constructor(sats: bigint) {
    this.#sats = sats
  }
  toJSON(): string {
    const text = this.#sats.toString().padStart(9, '0')
    return `btc:${text.slice(0, -8)}.${text.slice(-8)}`
  }
}

/** Serializes JSON in which amounts are exact numbers. */
export const writeJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/"btc:(\d+\.\d{8})"/g, (_, digits: string) => digits)

export interface Call {
  readonly chain: Chain
  readonly params: readonly unknown[]
  readonly zmqAddress: string
  /** Changes to publish. */
  readonly notices: Notice[]
}

type Method = (call: Call) => unknown

/** The RPC methods that Purser's node client calls, and a few for inspection. Errors follow Bitcoin Core 29. */
export const METHODS: Readonly<Record<string, Method>> = {
  getblockchaininfo: ({ chain }) => ({
    chain: chain.nodeState.chain,
    blocks: tipOf(chain).height,
    headers: tipOf(chain).height + (chain.nodeState.syncing ? 5000 : 0),
    bestblockhash: tipOf(chain).hash,
    initialblockdownload: chain.nodeState.syncing,
    pruned: false,
    warnings: [],
  }),
  getnetworkinfo: () => ({ version: 290_000, subversion: '/Satoshi:29.0.0(sandbox)/', connections: 8 }),
  getzmqnotifications: ({ zmqAddress }) => [{ type: 'pubsequence', address: zmqAddress, hwm: 1000 }],
  getblockcount: ({ chain }) => tipOf(chain).height,
  getbestblockhash: ({ chain }) => tipOf(chain).hash,
  getblockhash: ({ chain, params: [height] }) => {
    const block = typeof height === 'number' ? chain.blocks[height] : undefined
    if (!block) throw new RpcError(-8, 'Block height out of range')
    return block.hash
  },
  getblock: ({ chain, params: [hash] }) => {
    const block = requireBlock(chain, hash)
    const next = chain.blocks[block.height + 1]
    const isBest = chain.blocks[block.height] === block
    return {
      hash: block.hash,
      confirmations: isBest ? tipOf(chain).height - block.height + 1 : -1,
      height: block.height,
      time: block.time,
      nTx: block.txids.length,
      tx: block.txids,
      ...(block.previous === undefined ? {} : { previousblockhash: block.previous }),
      ...(isBest && next ? { nextblockhash: next.hash } : {}),
    }
  },
  getblockheader: ({ chain, params: [hash] }) => {
    const { height, time, hash: known } = requireBlock(chain, hash)
    const isBest = chain.blocks[height]?.hash === known
    const confirmations = isBest ? tipOf(chain).height - height + 1 : -1
    return { hash: known, confirmations, height, time, mediantime: medianTimeOf(chain, height) }
  },
  getdescriptoractivity: ({ chain, params: [hashes, descriptors, mempool = true] }) =>
    listActivity(chain, hashes, descriptors, mempool !== false),
  getrawmempool: ({ chain }) => chain.mempool,
  getrawtransaction: ({ chain, params: [txid, verbosity = 0, hash] }) => {
    const tx = findTransaction(chain, txid, hash)
    return verbosity === 0 || verbosity === false ? tx.hex : renderTransaction(tx)
  },
  getmempoolentry: ({ chain, params: [txid] }) => renderMempoolEntry(chain, text(txid)),
  gettxspendingprevout: ({ chain, params: [outputs] }) => {
    const spenders = spendersOf(chain, chain.mempool)
    return parseOutpoints(outputs).map((at) => {
      const spender = spenders.get(outpoint(at))
      return spender === undefined ? at : { ...at, spendingtxid: spender }
    })
  },
  gettxout: ({ chain, params: [txid, vout, mempool = true] }) => {
    const coin = findCoin(chain, { txid: text(txid), vout: Number(vout) }, mempool !== false)
    if (!coin) return null
    const confirmations = coin.height === undefined ? 0 : tipOf(chain).height - coin.height + 1
    const { sats, script } = coin.output
    return {
      bestblock: tipOf(chain).hash,
      confirmations,
      value: new Btc(sats),
      scriptPubKey: renderScript(script),
      coinbase: coin.coinbase,
    }
  },
  estimatesmartfee: ({ chain: { nodeState, blocks } }) =>
    nodeState.estimate === undefined
      ? { errors: ['Insufficient data or no feerate found'], blocks: blocks.length }
      : { feerate: new Btc(BigInt(nodeState.estimate) * 1000n), blocks: 6 },
  getmempoolinfo: ({ chain }) => ({
    loaded: true,
    size: chain.mempool.length,
    mempoolminfee: new Btc(MIN_FEE_RATE * 1000n),
    minrelaytxfee: new Btc(MIN_FEE_RATE * 1000n),
    fullrbf: true,
  }),
  testmempoolaccept: ({ chain, params: [hexes] }) => list(hexes).map((hex) => testAccept(chain, text(hex))),
  sendrawtransaction: ({ chain, params: [hex], notices }) => {
    const tx = decode(text(hex))
    notices.push(...acceptToMempool(chain, tx))
    return tx.txid
  },
}

/** Returns the median time of the last eleven blocks, which never decreases (BIP113). */
function medianTimeOf({ blocks }: Chain, height: number): number {
  const times = blocks.slice(Math.max(0, height - 10), height + 1).map(({ time }) => time)
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}

const text = (value: unknown): string => {
  if (typeof value === 'string') return value
  throw new RpcError(-3, 'JSON value is not of expected type string')
}
const list = (value: unknown): unknown[] => {
  if (Array.isArray(value)) return value as unknown[]
  throw new RpcError(-3, 'JSON value is not of expected type array')
}
const parseOutpoints = (value: unknown): { txid: string; vout: number }[] =>
  list(value).map((one) => {
    const { txid, vout } = one as { txid: unknown; vout: unknown }
    return { txid: text(txid), vout: Number(vout) }
  })

const renderScript = (script: string): object => ({ hex: script, address: addressOf(script) })

function requireBlock(chain: Chain, hash: unknown): Block {
  const block = [...chain.blocks, ...chain.stale].find((one) => one.hash === hash)
  if (!block) throw new RpcError(-5, 'Block not found')
  return block
}

/** Parses the descriptors `raw(hex)` and `addr(address)`. */
function scriptOfDescriptor(descriptor: unknown): string {
  const [, kind, inner = ''] = /^(raw|addr)\(([0-9a-z]+)\)(?:#\w{8})?$/.exec(text(descriptor)) ?? []
  if (kind === 'raw') return inner
  try {
    return scriptOf(inner)
  } catch {
    throw new RpcError(-5, 'Address is not valid')
  }
}

function listActivity(chain: Chain, hashes: unknown, descriptors: unknown, mempool: boolean): object {
  const scripts = new Set(list(descriptors).map(scriptOfDescriptor))
  const blocks = list(hashes).map((hash) => requireBlock(chain, hash))
  if (blocks.some((block) => chain.blocks[block.height] !== block)) throw new RpcError(-8, 'Block is not in main chain')
  const within = (txid: string, where: object): object[] =>
    (chain.txs[txid]?.outputs ?? []).flatMap(({ sats, script }, vout) =>
      scripts.has(script)
        ? [{ type: 'receive', amount: new Btc(sats), ...where, txid, vout, output_spk: renderScript(script) }]
        : [],
    )
  const inBlocks = blocks.flatMap(({ hash: blockhash, height, txids }) =>
    txids.flatMap((txid) => within(txid, { blockhash, height })),
  )
  return { activity: [...inBlocks, ...(mempool ? chain.mempool.flatMap((txid) => within(txid, {})) : [])] }
}

const NO_TRANSACTION =
  'No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries. Use gettransaction for wallet transactions.'

function findTransaction(chain: Chain, txid: unknown, hash: unknown): Transaction {
  const id = text(txid)
  const there = hash === undefined ? chain.mempool : requireBlock(chain, hash).txids
  const tx = there.includes(id) ? chain.txs[id] : undefined
  if (tx) return tx
  throw new RpcError(-5, hash === undefined ? NO_TRANSACTION : 'No such transaction found in the provided block.')
}

const renderTransaction = ({ txid, inputs, outputs, hex }: Transaction): object => ({
  txid,
  vin: inputs.length === 0 ? [{ coinbase: '00', sequence: 0xffffffff }] : inputs,
  vout: outputs.map(({ sats, script }, n) => ({ value: new Btc(sats), n, scriptPubKey: renderScript(script) })),
  hex,
})

function renderMempoolEntry(chain: Chain, txid: string): object {
  const tx = chain.txs[txid]
  if (!tx || !chain.mempool.includes(txid)) throw new RpcError(-5, 'Transaction not in mempool')
  const ancestors = listAncestors(chain, txid)
  const signals = [txid, ...ancestors].some((id) => chain.txs[id]?.inputs.some(({ sequence }) => sequence < 0xfffffffe))
  return {
    vsize: Number(sizeOf(tx)),
    ancestorcount: ancestors.length + 1,
    fees: { base: new Btc(feeOf(chain, tx)) },
    'bip125-replaceable': signals,
  }
}

function decode(hex: string): Transaction {
  try {
    return readTransaction(hex)
  } catch {
    throw new RpcError(-22, 'TX decode failed. Make sure the tx has at least one input.')
  }
}

/** Returns a failure inside a successful result, as the node does. */
function testAccept(chain: Chain, hex: string): object {
  const tx = decode(hex)
  const base = { txid: tx.txid, wtxid: tx.txid }
  if (chain.mempool.includes(tx.txid)) return { ...base, allowed: false, 'reject-reason': 'txn-already-in-mempool' }
  if (blockOf(chain, tx.txid)) return { ...base, allowed: false, 'reject-reason': 'txn-already-known' }
  try {
    checkAcceptance(chain, tx)
    return { ...base, allowed: true, vsize: Number(sizeOf(tx)), fees: { base: new Btc(feeOf(chain, tx)) } }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    return { ...base, allowed: false, 'reject-reason': error.message }
  }
}
