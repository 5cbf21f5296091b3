import type { Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { RpcError, type Chain, type NodeState } from './chain.ts'
import type { Done } from './payer.ts'
import type { Publisher } from './publisher.ts'
import { METHODS, type Call } from './rpc.ts'
import { createChainStore } from './store.ts'

/** A simulated node with payers and miners, on one stored chain. */
export interface BitcoinNode {
  /** Answers one JSON-RPC request. `network` is the network that the node reports. */
  answer(request: unknown, network: string | undefined): Promise<object>
  /** Changes the chain and publishes the changes. Throws RpcError. */
  act(change: (chain: Chain, time: number) => Done): Promise<Done>
  /** Drops the next `count` events, as a full queue does. */
  loseEvents(count: number): void
  setState(nodeState: Partial<NodeState>): Promise<NodeState>
  read(): Promise<Chain>
}

const WRITERS = new Set(['sendrawtransaction'])

export function createBitcoinNode(deps: { db: Db; clock: Clock; publisher: Publisher }): BitcoinNode {
  const { db, clock, publisher } = deps
  const store = createChainStore(db)
  const time = (): number => Math.floor(clock.now().getTime() / 1000)

  async function run(name: string, params: readonly unknown[], network: string | undefined): Promise<unknown> {
    const method = METHODS[name]
    if (!method) throw new RpcError(-32601, 'Method not found')
    const zmqAddress = name === 'getzmqnotifications' ? await publisher.address() : ''
    const call = (chain: Chain): { result: unknown; notices: Call['notices'] } => {
      if (chain.nodeState.warmingUp) throw new RpcError(-28, 'Loading block index…')
      const notices: Call['notices'] = []
      return {
        result: method({ chain: WRITERS.has(name) ? chain : withNetwork(chain, network), params, zmqAddress, notices }),
        notices,
      }
    }
    const { result, notices } = WRITERS.has(name) ? await store.change(time(), call) : call(await store.read(time()))
    publisher.publish(notices)
    return result
  }

  return {
    answer: async (request, network) => {
      const { id = null, method, params = [] } = (request ?? {}) as Record<string, unknown>
      try {
        const result = await run(String(method), Array.isArray(params) ? params : [], network)
        return { jsonrpc: '2.0', result, id }
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        return { jsonrpc: '2.0', error: { code: error.code, message: error.message }, id }
      }
    },
    act: async (change) => {
      const done = await store.change(time(), (chain) => change(chain, time()))
      publisher.publish(done.notices)
      return done
    },
    loseEvents: (count) => publisher.skip(count),
    setState: (nodeState) =>
      store.change(time(), (chain) => {
        chain.nodeState = { ...chain.nodeState, ...nodeState }
        return chain.nodeState
      }),
    read: () => store.read(time()),
  }
}

const MAIN_GENESIS = '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f'

/** Returns the same chain as mainnet: with another name and another genesis block. */
function withNetwork(chain: Chain, network: string | undefined): Chain {
  const [first, ...rest] = chain.blocks
  if (network !== 'main' || !first) return chain
  const { nodeState } = chain
  const name = nodeState.chain === 'regtest' ? 'main' : nodeState.chain
  return { ...chain, nodeState: { ...nodeState, chain: name }, blocks: [{ ...first, hash: MAIN_GENESIS }, ...rest] }
}
