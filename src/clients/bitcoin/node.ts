import type { z } from 'zod'
import { BitcoinError } from './errors.ts'
import { PARAMETERS, type Network } from './networks.ts'
import type { Rpc, RpcOptions } from './rpc.ts'
import * as wire from './wire.ts'

export interface Tip {
  readonly hash: string
  readonly height: number
}

export interface Header extends Tip {
  /** Block time as the miner set it. A later block may have an earlier time. */
  readonly at: Date
  /** Median time of the last eleven blocks. It never decreases. */
  readonly medianAt: Date
}

export interface Received {
  readonly txid: string
  readonly vout: number
  readonly sats: bigint
  /** Output script, hex. */
  readonly script: string
  /** Undefined while in the mempool. */
  readonly block: Tip | undefined
}

export interface Transaction {
  readonly coinbase: boolean
  /** Outpoints that it spends, `txid:vout`. Empty for a coinbase. */
  readonly inputs: readonly string[]
  /** Whether its own inputs signal replacement (BIP125). */
  readonly replaceable: boolean
}

export interface Submitted {
  readonly txid: string
  /** True if it already was in the mempool or a block. */
  readonly known: boolean
}

/** Typed calls to a node. Every method throws BitcoinError. */
export interface BitcoinNode {
  /** Returns the best block. Throws when the node is on another network, syncing or too old. */
  requireTip(network: Network): Promise<Tip>
  /** Returns the hash of the block at this height of the best chain. */
  findBlockHash(height: number): Promise<string | undefined>
  /** Returns the blocks from one height to another, inclusive. Returns fewer when the chain ends earlier. */
  listBlocks(from: number, to: number): Promise<Tip[]>
  /** Returns the headers in the order of `hashes`. */
  listHeaders(hashes: readonly string[]): Promise<Header[]>
  /** Returns the outputs that pay these scripts (hex), in these blocks of the best chain and in the mempool. */
  listReceived(blocks: readonly string[], scripts: readonly string[]): Promise<Received[]>
  /** Returns a transaction of the mempool, or of the given block. */
  findTransaction(txid: string, blockHash: string | undefined): Promise<Transaction | undefined>
  /** Returns whether it or a parent can be replaced, and whether it has unconfirmed parents. Undefined when it is not in the mempool. */
  findUnconfirmed(txid: string): Promise<{ replaceable: boolean; hasParents: boolean } | undefined>
  /** Returns for each outpoint whether it is unspent, and which mempool transaction spends it. */
  listCoins(outpoints: readonly string[]): Promise<{ spender: string | undefined; exists: boolean }[]>
  /** Returns sat per 1,000 virtual bytes; undefined when the node has too little data. */
  estimateFee(blocks: number): Promise<bigint | undefined>
  /** Returns the minimum fee rate that the mempool accepts and nodes relay, in sat per 1,000 virtual bytes. */
  minimumFee(): Promise<bigint>
  /** Broadcasts a transaction. Succeeds with `known: true` if the node already has it. */
  send(hex: string): Promise<Submitted>
  /** Returns why the mempool would reject the transaction; undefined when it would accept it. */
  findRejection(hex: string): Promise<string | undefined>
  /** Returns the address at which the node publishes `sequence` events; undefined when it does not publish them. */
  findSequenceAddress(): Promise<string | undefined>
}

/** Core 29 introduced `getdescriptoractivity`. */
const MIN_VERSION = 290_000
const NOT_FOUND = -5
const OUT_OF_RANGE = -8
const ALREADY_IN_CHAIN = -27
/** The node reads the blocks from disk and scans the whole mempool. */
const SCAN: RpcOptions = { deadlineMs: 60_000 }
/** Sequence numbers below this allow a replacement (BIP125). */
const FINAL_SEQUENCE = 0xfffffffe

export function createNode(rpc: Rpc): BitcoinNode {
  const ask = async <T>(
    shape: z.ZodType<T>,
    method: string,
    params: readonly unknown[] = [],
    options?: RpcOptions,
  ): Promise<T> => read(shape, await rpc.call(method, params, options))
  const find = async <T>(shape: z.ZodType<T>, method: string, params: readonly unknown[]): Promise<T | undefined> => {
    try {
      return await ask(shape, method, params)
    } catch (error) {
      if (error instanceof BitcoinError && [NOT_FOUND, OUT_OF_RANGE].includes(error.rpcCode ?? 0)) return undefined
      throw error
    }
  }
  return {
    requireTip: (network) => requireTip(rpc, network),
    findBlockHash: (height) => find(wire.hashShape, 'getblockhash', [height]),
    listBlocks: (from, to) => listBlocks(rpc, from, to),
    listHeaders: async (hashes) =>
      (await rpc.batch(hashes.map((hash) => ({ method: 'getblockheader', params: [hash] })))).map(headerOf),
    listReceived: async (blocks, scripts) => {
      const descriptors = scripts.map((script) => `raw(${script})`)
      const { activity } = await ask(wire.activityShape, 'getdescriptoractivity', [blocks, descriptors, true], SCAN)
      return activity.flatMap((one) => (one.type === 'receive' ? [receivedOf(one)] : []))
    },
    findTransaction: async (txid, blockHash) => {
      const params = blockHash === undefined ? [txid, 1] : [txid, 1, blockHash]
      const found = await find(wire.transactionShape, 'getrawtransaction', params)
      return found && transactionOf(found)
    },
    findUnconfirmed: async (txid) => {
      const entry = await find(wire.mempoolEntryShape, 'getmempoolentry', [txid])
      if (!entry) return undefined
      const replaceable = entry['bip125-replaceable'] ?? true
      return { replaceable, hasParents: entry.ancestorcount > 1 }
    },
    listCoins: (outpoints) => listCoins(rpc, outpoints),
    estimateFee: async (blocks) => (await ask(wire.feeShape, 'estimatesmartfee', [blocks])).feerate,
    minimumFee: async () => {
      const { mempoolminfee, minrelaytxfee } = await ask(wire.mempoolShape, 'getmempoolinfo')
      return mempoolminfee > minrelaytxfee ? mempoolminfee : minrelaytxfee
    },
    send: (hex) => send(rpc, hex),
    findRejection: async (hex) => {
      const [result] = await ask(wire.acceptShape, 'testmempoolaccept', [[hex]])
      if (!result) throw new BitcoinError('bitcoin.bad-answer', 'no result')
      return result.allowed ? undefined : (result['reject-reason'] ?? 'refused without a reason')
    },
    findSequenceAddress: async () =>
      (await ask(wire.zmqShape, 'getzmqnotifications')).find(({ type }) => type === 'pubsequence')?.address,
  }
}

function read<T>(shape: z.ZodType<T>, result: unknown): T {
  const parsed = shape.safeParse(result)
  if (parsed.success) return parsed.data
  throw new BitcoinError('bitcoin.bad-answer', 'the response has an unknown format', {
    maybeActed: true,
    cause: parsed.error,
  })
}

async function requireTip(rpc: Rpc, network: Network): Promise<Tip> {
  const [chain, genesis, version] = await rpc.batch([
    { method: 'getblockchaininfo' },
    { method: 'getblockhash', params: [0] },
    { method: 'getnetworkinfo' },
  ])
  const info = read(wire.chainShape, resultOf(chain))
  const first = read(wire.hashShape, resultOf(genesis))
  if (info.chain !== network || first !== PARAMETERS[network].genesis)
    throw new BitcoinError(
      'bitcoin.wrong-chain',
      `it is on the chain '${info.chain}', and BITCOIN_NETWORK is ${network}`,
    )
  if (read(wire.versionShape, resultOf(version)).version < MIN_VERSION)
    throw new BitcoinError('bitcoin.too-old', 'Bitcoin Core or Knots 29 or later is needed')
  // After a restart the node reports initialblockdownload only for a while; headers ahead of blocks show the rest.
  if (info.initialblockdownload || info.headers > info.blocks + 2)
    throw new BitcoinError(
      'bitcoin.syncing',
      `it is syncing: block ${info.blocks} of ${info.headers}. Wait until it has caught up`,
    )
  return { hash: info.bestblockhash, height: info.blocks }
}

function resultOf(answer: Awaited<ReturnType<Rpc['batch']>>[number] | undefined): unknown {
  if (!answer) throw new BitcoinError('bitcoin.bad-answer', 'an answer is missing')
  if ('error' in answer) throw answer.error
  return answer.result
}

async function listBlocks(rpc: Rpc, from: number, to: number): Promise<Tip[]> {
  const heights = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
  const answers = await rpc.batch(heights.map((height) => ({ method: 'getblockhash', params: [height] })))
  const blocks: Tip[] = []
  for (const [i, answer] of answers.entries()) {
    if ('error' in answer && answer.error.rpcCode === OUT_OF_RANGE) break
    blocks.push({ hash: read(wire.hashShape, resultOf(answer)), height: from + i })
  }
  return blocks
}

function headerOf(answer: Awaited<ReturnType<Rpc['batch']>>[number]): Header {
  const { hash, height, time, mediantime } = read(wire.headerShape, resultOf(answer))
  return { hash, height, at: new Date(time * 1000), medianAt: new Date(mediantime * 1000) }
}

type Activity = z.infer<typeof wire.activityShape>['activity'][number]

function receivedOf(one: Extract<Activity, { type: 'receive' }>): Received {
  const { txid, vout, amount: sats, blockhash: hash, height } = one
  const block = hash === undefined || height === undefined ? undefined : { hash, height }
  return { txid, vout, sats, script: one.output_spk.hex, block }
}

function transactionOf({ vin }: z.infer<typeof wire.transactionShape>): Transaction {
  const inputs = vin.flatMap(({ txid, vout }) => (txid === undefined || vout === undefined ? [] : [`${txid}:${vout}`]))
  return {
    coinbase: vin.some(({ coinbase }) => coinbase !== undefined),
    inputs,
    replaceable: vin.some(({ sequence }) => sequence < FINAL_SEQUENCE),
  }
}

async function listCoins(
  rpc: Rpc,
  outpoints: readonly string[],
): Promise<{ spender: string | undefined; exists: boolean }[]> {
  if (outpoints.length === 0) return []
  const parts = outpoints.map((outpoint) => {
    const [txid = '', vout = ''] = outpoint.split(':')
    return { txid, vout: Number.parseInt(vout, 10) }
  })
  const [spending, ...coins] = await rpc.batch([
    { method: 'gettxspendingprevout', params: [parts] },
    ...parts.map(({ txid, vout }) => ({ method: 'gettxout', params: [txid, vout, true] })),
  ])
  const spenders = read(wire.spendersShape, resultOf(spending))
  return coins.map((coin, i) => ({
    spender: spenders[i]?.spendingtxid,
    exists: read(wire.coinShape, resultOf(coin)) !== null,
  }))
}

async function send(rpc: Rpc, hex: string): Promise<Submitted> {
  // Test first to learn the txid: the response to a repeated send does not contain it.
  const [result] = read(wire.acceptShape, await rpc.call('testmempoolaccept', [[hex]]))
  const { txid, 'reject-reason': reason = '' } = result ?? {}
  if (txid === undefined) throw new BitcoinError('bitcoin.rejected', `it cannot decode the transaction ${reason}`)
  const isKnown = ['txn-already-in-mempool', 'txn-already-known'].includes(reason)
  if (isKnown) return { txid, known: true }
  try {
    return { txid: read(wire.hashShape, await rpc.call('sendrawtransaction', [hex])), known: false }
  } catch (error) {
    if (error instanceof BitcoinError && error.rpcCode === ALREADY_IN_CHAIN) return { txid, known: true }
    throw error
  }
}
