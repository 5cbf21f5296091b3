import {
  acceptToMempool,
  blockOf,
  confirmedTxids,
  connectBlock,
  disconnectBlock,
  removeFromMempool,
  MIN_FEE_RATE,
  PAYER_SCRIPT,
  RpcError,
  sizeOf,
  spendersOf,
  tipOf,
  feeOf,
  type Chain,
  type Notice,
} from './chain.ts'
import { buildTransaction, outpoint, type Input, type Output, type Transaction } from './transactions.ts'

export interface Done {
  readonly txid?: string
  readonly notices: readonly Notice[]
}

const REPLACEABLE = 0xfffffffd
const FINAL = 0xffffffff

export interface Pay {
  readonly outputs: readonly Output[]
  /** Whether it signals that it may be replaced. */
  readonly replaceable: boolean
  /** Sat per virtual byte. */
  readonly feeRate: bigint
  /** Out of the change of another payment that waits: a parent that can be replaced under it. */
  readonly fromUnconfirmed: boolean
  /** Straight into a block, by a miner who does not mind dust. */
  readonly mined: boolean
}

/** The payer sends. Throws Refusal. */
export function pay(chain: Chain, { outputs, replaceable, feeRate, fromUnconfirmed, mined }: Pay, time: number): Done {
  const notices: Notice[] = []
  if (fromUnconfirmed && chain.mempool.length === 0) {
    const parent = spend(chain, [], { sequence: REPLACEABLE, feeRate: MIN_FEE_RATE, fromUnconfirmed: false })
    notices.push(...acceptToMempool(chain, parent))
  }
  const tx = spend(chain, outputs, { sequence: replaceable ? REPLACEABLE : FINAL, feeRate, fromUnconfirmed })
  if (!mined) return { txid: tx.txid, notices: [...notices, ...acceptToMempool(chain, tx)] }
  chain.txs[tx.txid] = tx
  return { txid: tx.txid, notices: [...notices, ...connectBlock(chain, [tx.txid], time)] }
}

function spend(
  chain: Chain,
  outputs: readonly Output[],
  { sequence, feeRate, fromUnconfirmed }: { sequence: number; feeRate: bigint; fromUnconfirmed: boolean },
): Transaction {
  const wanted = outputs.reduce((sum, { sats }) => sum + sats, 0n)
  const inputs: Input[] = []
  let into = 0n
  const fee = (): bigint => sizeOf({ inputs, outputs: [...outputs, { sats: 0n, script: PAYER_SCRIPT }] }) * feeRate
  for (const { at, sats } of purseOf(chain, fromUnconfirmed)) {
    inputs.push({ ...at, sequence })
    into += sats
    if (into >= wanted + fee() + 1000n) break
  }
  const change = into - wanted - fee()
  if (inputs.length === 0 || change < 294n)
    throw new RpcError(-6, 'the simulated payer has too few coins: mine a block')
  return buildTransaction(inputs, [...outputs, { sats: change, script: PAYER_SCRIPT }])
}

/** The payer's coins: old enough and confirmed, or change that waits. */
function purseOf(chain: Chain, unconfirmed: boolean): { at: { txid: string; vout: number }; sats: bigint }[] {
  const spent = spendersOf(chain, [...confirmedTxids(chain), ...chain.mempool])
  const young = new Set(chain.blocks.slice(-100).map(({ txids }) => txids[0]))
  return (unconfirmed ? chain.mempool : confirmedTxids(chain)).flatMap((txid) =>
    (young.has(txid) ? [] : (chain.txs[txid]?.outputs ?? [])).flatMap(({ sats, script }, vout) =>
      script === PAYER_SCRIPT && !spent.has(outpoint({ txid, vout })) ? [{ at: { txid, vout }, sats }] : [],
    ),
  )
}

export type Replacement = 'keep' | 'lower' | 'drop'

/**
 * The payer replaces a payment that waits by one that pays more fee: with the same outputs, with half of what they paid, or with all of it back to
 * himself. `mined`: not sent to anybody, but put into a block.
 */
export function replace(chain: Chain, txid: string, how: Replacement, mined: boolean, time: number): Done {
  const old = chain.txs[txid]
  if (!old || !chain.mempool.includes(txid)) throw new RpcError(-5, 'no such transaction in the mempool')
  const tx = replacementOf(chain, old, how)
  if (!mined) return { txid: tx.txid, notices: acceptToMempool(chain, tx) }
  chain.txs[tx.txid] = tx
  return { txid: tx.txid, notices: connectBlock(chain, [tx.txid], time) }
}

function replacementOf(chain: Chain, old: Transaction, how: Replacement): Transaction {
  const paid = old.outputs.filter(({ script }) => script !== PAYER_SCRIPT)
  const kept =
    how === 'keep' ? paid : how === 'lower' ? paid.map(({ sats, script }) => ({ sats: sats / 2n, script })) : []
  const into = feeOf(chain, old) + old.outputs.reduce((sum, { sats }) => sum + sats, 0n)
  const fee = feeOf(chain, old) + sizeOf(old) * 20n
  const change = kept.reduce((left, { sats }) => left - sats, into - fee)
  const inputs = old.inputs.map((input) => ({ ...input, sequence: REPLACEABLE }))
  return buildTransaction(inputs, [...kept, { sats: change, script: PAYER_SCRIPT }])
}

/** Blocks with what waits; `empty`: with nothing. */
export function mine(
  chain: Chain,
  { blocks, empty, reward }: { blocks: number; empty: boolean; reward: string | undefined },
  time: number,
): Done {
  const notices: Notice[] = []
  for (let i = 0; i < blocks; i++) {
    const outputs = reward === undefined ? undefined : [{ sats: 5_000_000_000n, script: reward }]
    notices.push(...connectBlock(chain, empty ? [] : [...chain.mempool], time, outputs))
  }
  return { notices }
}

export interface Reorg {
  readonly depth: number
  /** Blocks of the new branch; one more than were taken off by default. */
  readonly blocks: number
  /** `same`: the new blocks hold the same payments. `wait`: they wait in the mempool. `evict`: nobody holds them. `double-spend`: their coins went elsewhere. */
  readonly how: 'same' | 'wait' | 'evict' | 'double-spend'
}

export function reorg(chain: Chain, { depth, blocks, how }: Reorg, time: number): Done {
  if (depth > tipOf(chain).height - 101) throw new RpcError(-8, 'deeper than anything that was paid')
  const notices: Notice[] = []
  const before = [...chain.mempool]
  for (let i = 0; i < depth; i++) notices.push(...disconnectBlock(chain))
  const back = chain.mempool.filter((txid) => !before.includes(txid))
  const spends = how === 'double-spend' ? replaceAll(chain, back) : []
  if (how === 'evict') notices.push(...removeFromMempool(chain, back))
  // Later by one block than before, so that heights differ.
  for (let i = 0; i < blocks; i++) {
    const now = i === Math.min(1, blocks - 1) ? (how === 'same' ? [...back] : spends) : []
    notices.push(...connectBlock(chain, now, time))
  }
  return { notices }
}

/** Their coins back to the payer. What spends the output of another of them goes with it. */
function replaceAll(chain: Chain, txids: readonly string[]): string[] {
  const roots = txids.filter((txid) => chain.txs[txid]?.inputs.every((input) => !txids.includes(input.txid)))
  return roots.flatMap((txid) => {
    const old = chain.txs[txid]
    if (!old) return []
    const tx = replacementOf(chain, old, 'drop')
    chain.txs[tx.txid] = tx
    return [tx.txid]
  })
}

/** The mempool was full, or it waited for two weeks. */
export function evict(chain: Chain, txid: string): Done {
  if (!chain.mempool.includes(txid)) throw new RpcError(-5, 'no such transaction in the mempool')
  return { notices: removeFromMempool(chain, [txid]) }
}

/** Somebody sends a transaction again that was seen before. */
export function resend(chain: Chain, txid: string): Done {
  const tx = chain.txs[txid]
  if (!tx || blockOf(chain, txid)) throw new RpcError(-5, 'no such transaction to send again')
  return { txid, notices: acceptToMempool(chain, tx) }
}
