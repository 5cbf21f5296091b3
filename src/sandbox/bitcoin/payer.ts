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
  /** Whether the transaction signals that it may be replaced (BIP125). */
  readonly replaceable: boolean
  /** Sat per virtual byte. */
  readonly feeRate: bigint
  /** Spends the change of a payment in the mempool, so that the parent can be replaced. */
  readonly fromUnconfirmed: boolean
  /** Puts the payment directly into a block, which also allows dust. */
  readonly mined: boolean
}

/** Sends a payment from the payer's wallet. Throws RpcError. */
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
  for (const { at, sats } of listSpendableCoins(chain, fromUnconfirmed)) {
    inputs.push({ ...at, sequence })
    into += sats
    if (into >= wanted + fee() + 1000n) break
  }
  const change = into - wanted - fee()
  if (inputs.length === 0 || change < 294n)
    throw new RpcError(-6, 'the simulated payer has too few coins: mine a block')
  return buildTransaction(inputs, [...outputs, { sats: change, script: PAYER_SCRIPT }])
}

/** Returns the payer's spendable coins: mature and confirmed, or change in the mempool. */
function listSpendableCoins(
  chain: Chain,
  unconfirmed: boolean,
): { at: { txid: string; vout: number }; sats: bigint }[] {
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
 * Replaces a payment in the mempool by one with a higher fee. `keep` has the same outputs, `lower` half of their amounts, `drop` returns
 * everything to the payer. `mined` puts the replacement directly into a block instead of the mempool.
 */
export function replace(chain: Chain, txid: string, how: Replacement, mined: boolean, time: number): Done {
  const old = chain.txs[txid]
  if (!old || !chain.mempool.includes(txid)) throw new RpcError(-5, 'no such transaction in the mempool')
  const tx = buildReplacement(chain, old, how)
  if (!mined) return { txid: tx.txid, notices: acceptToMempool(chain, tx) }
  chain.txs[tx.txid] = tx
  return { txid: tx.txid, notices: connectBlock(chain, [tx.txid], time) }
}

function buildReplacement(chain: Chain, old: Transaction, how: Replacement): Transaction {
  const paid = old.outputs.filter(({ script }) => script !== PAYER_SCRIPT)
  const kept =
    how === 'keep' ? paid : how === 'lower' ? paid.map(({ sats, script }) => ({ sats: sats / 2n, script })) : []
  const into = feeOf(chain, old) + old.outputs.reduce((sum, { sats }) => sum + sats, 0n)
  const fee = feeOf(chain, old) + sizeOf(old) * 20n
  const change = kept.reduce((left, { sats }) => left - sats, into - fee)
  const inputs = old.inputs.map((input) => ({ ...input, sequence: REPLACEABLE }))
  return buildTransaction(inputs, [...kept, { sats: change, script: PAYER_SCRIPT }])
}

/** Mines blocks with the mempool's payments; `empty`: without payments. */
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
  /** Blocks of the new branch. Default: one more than were disconnected. */
  readonly blocks: number
  /** Payments of the old branch: `same` are mined again, `wait` return to the mempool, `evict` disappear, `double-spend` are replaced. */
  readonly how: 'same' | 'wait' | 'evict' | 'double-spend'
}

export function reorg(chain: Chain, { depth, blocks, how }: Reorg, time: number): Done {
  if (depth > tipOf(chain).height - 101) throw new RpcError(-8, 'too deep: the chain must keep its first 101 blocks')
  const notices: Notice[] = []
  const before = [...chain.mempool]
  for (let i = 0; i < depth; i++) notices.push(...disconnectBlock(chain))
  const back = chain.mempool.filter((txid) => !before.includes(txid))
  const spends = how === 'double-spend' ? returnCoinsToPayer(chain, back) : []
  if (how === 'evict') notices.push(...removeFromMempool(chain, back))
  // Mine the payments one block later than before, so that their heights change.
  for (let i = 0; i < blocks; i++) {
    const now = i === Math.min(1, blocks - 1) ? (how === 'same' ? [...back] : spends) : []
    notices.push(...connectBlock(chain, now, time))
  }
  return { notices }
}

/** Replaces transactions by ones that return the coins to the payer. Their descendants among the given ones are dropped. */
function returnCoinsToPayer(chain: Chain, txids: readonly string[]): string[] {
  const roots = txids.filter((txid) => chain.txs[txid]?.inputs.every((input) => !txids.includes(input.txid)))
  return roots.flatMap((txid) => {
    const old = chain.txs[txid]
    if (!old) return []
    const tx = buildReplacement(chain, old, 'drop')
    chain.txs[tx.txid] = tx
    return [tx.txid]
  })
}

/** Drops a transaction, as after a full mempool or two weeks of waiting. */
export function evict(chain: Chain, txid: string): Done {
  if (!chain.mempool.includes(txid)) throw new RpcError(-5, 'no such transaction in the mempool')
  return { notices: removeFromMempool(chain, [txid]) }
}

/** Sends a known transaction again, as any node could. */
export function resend(chain: Chain, txid: string): Done {
  const tx = chain.txs[txid]
  if (!tx || blockOf(chain, txid)) throw new RpcError(-5, 'no such transaction to send again')
  return { txid, notices: acceptToMempool(chain, tx) }
}
