import type { Asset } from '#money'
import {
  BitcoinError,
  createNode,
  createRpc,
  followSequence,
  formatPaymentUri,
  scriptOf,
  type Account,
  type BitcoinNode,
} from '#clients/bitcoin'
import type { CollectRequest, Fact, Outcome, PaymentUriInput, PollResult, Rail, Watch, Watched } from '#rails/contract'
import { waitMs, type Clock } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import { AppError } from '#platform/base/errors'
import type { Fetch } from '#platform/web/fetch'
import type { Log } from '#platform/observe/log'
import { accountOf, networkOf, type BitcoinConfig } from './config.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { toleranceOf } from './finality.ts'
import { pollNode, type Target } from './poll.ts'
import { reportDeposit } from './report.ts'
import { createStatement } from './statement.ts'

export interface BitcoinDeps {
  mode: Mode
  fetch: Fetch
  clock: Clock
  log: Log
  /** Returns the current settings. Call it at each use: settings can change while the program runs. */
  config: () => BitcoinConfig
}

const ASSET: Asset = 'BTC/8'
const MAX_SATS = 2_100_000_000_000_000n
/** Time for which a successful check of the node is cached before addresses are handed out. */
const NODE_CHECK_MS = 15_000
const POLL_EVERY_MS = 10_000
/** The attempt's address is watched for a day after the payment expires. Later payments are found by the daily sweep over all addresses. */
const LIFETIME_MS = 25 * 60 * 60_000
/** The node announces all transactions of the network, several per second. All of this interval cause one poll. */
const DEBOUNCE_MS = 1000
const RETRY_LISTEN_MS = 60_000

/** Creates the Bitcoin rail. Each attempt gets an address derived from a public key, and polls of a node find the payments. */
export function createBitcoinRail(deps: BitcoinDeps): Rail {
  const rpc = createRpc({ fetch: deps.fetch, settings: () => rpcSettings(deps) })
  const node = createNode(rpc)
  const requireNode = createGuard(deps, node)
  return {
    name: 'bitcoin',
    method: 'bitcoin',
    assets: [ASSET],
    exchanges: true,
    unavailable: () => problemOf(deps),
    limits: () => ({ min: deps.config().minSats, max: MAX_SATS, step: 1n }),
    tolerance: ({ amount }) => toleranceOf(amount, deps.config().tolerance),
    collect: {
      kind: 'address',
      needs: [],
      checkAfterMs: [10 * 60_000],
      lifetimeMs: LIFETIME_MS,
      indexSpace: () => findAccount(deps)?.id,
      uriOf,
      start: (request) => start(deps, requireNode, request),
      // Polls report payments for all attempts at once. An interrupted start is repeated.
      check: async ({ reference, request }) =>
        reference === undefined ? start(deps, requireNode, request) : { kind: 'pending', reference },
    },
    watch: watchWith(deps, node),
    statement: createStatement({
      node,
      clock: deps.clock,
      network: () => networkOf(deps.config(), deps.mode),
      tiers: () => deps.config().tiers,
    }),
  }
}

async function start(deps: BitcoinDeps, requireNode: () => Promise<void>, request: CollectRequest): Promise<Outcome> {
  const failed = (reason: 'provider-unavailable' | 'limit-exceeded', why: string): Outcome => ({
    kind: 'failed',
    reason,
    why,
  })
  const problem = problemOf(deps)
  const account = findAccount(deps)
  if (problem !== undefined || !account) return failed('provider-unavailable', problem ?? 'no key')
  const { asset, amount } = request.amount
  if (asset !== ASSET || amount < deps.config().minSats || amount > MAX_SATS)
    return failed('limit-exceeded', 'Bitcoin does not take this amount')
  if (request.index === undefined)
    throw new AppError('payments.no-index', 500, 'The Bitcoin attempt has no address index')
  try {
    // Hand out an address only if the node can watch it.
    await requireNode()
  } catch (error) {
    if (!(error instanceof BitcoinError)) throw error
    return failed('provider-unavailable', error.message)
  }
  const { address } = account.addressAt(request.index)
  return { kind: 'pending', reference: address, address, paymentUri: uriOf({ ...request, address }) }
}

const uriOf = ({ address, amount, merchantName, description }: PaymentUriInput): string =>
  formatPaymentUri({ address, sats: amount.amount, label: merchantName, message: description })

/** Returns a check that the node is reachable, on this network and synced. A success is cached; a failure throws BitcoinError. */
function createGuard({ clock, mode, config }: BitcoinDeps, node: BitcoinNode): () => Promise<void> {
  let passed: { at: number; url: string | undefined } | undefined
  return async () => {
    const now = clock.now().getTime()
    const { rpcUrl: url } = config()
    if (passed && passed.url === url && now >= passed.at && now - passed.at < NODE_CHECK_MS) return
    passed = undefined
    await node.requireTip(networkOf(config(), mode))
    passed = { at: now, url }
  }
}

function watchWith(deps: BitcoinDeps, node: BitcoinNode): Watch {
  return {
    everyMs: POLL_EVERY_MS,
    poll: (cursor, watched) => poll(deps, node, cursor, watched),
    listen: (wake, signal) => listen(deps, node, wake, signal),
  }
}

async function poll(
  deps: BitcoinDeps,
  node: BitcoinNode,
  text: string | undefined,
  watched: readonly Watched[],
): Promise<PollResult> {
  const { clock, log, mode, config } = deps
  const problem = problemOf(deps)
  if (problem !== undefined) throw new AppError('payments.rail-unavailable', 503, problem)
  const network = networkOf(config(), mode)
  const targets = new Map<string, Target>(
    watched.map(({ attemptId, reference, amount }) => [
      scriptOf(reference, network),
      { attemptId, due: amount.amount },
    ]),
  )
  const cursor = text === undefined ? undefined : readCursor(text)
  const polled = await pollNode({ node, clock, network }, cursor, targets)
  const { tip, more, reorganised } = polled
  if (reorganised > 0) log.warn({ blocks: reorganised, height: tip.height }, 'a reorg replaced blocks')
  const reports = polled.deposits.map((deposit) => reportDeposit(deposit, tip, config().tiers))
  const facts = reports.flatMap(({ deposit, outcome }): Fact[] =>
    outcome ? [{ about: { attemptId: deposit.attemptId }, outcome, needsCheck: false }] : [],
  )
  for (const { deposit } of reports.filter(({ outcome }) => outcome?.kind === 'reversed'))
    log.warn(
      { attemptId: deposit.attemptId, outpoint: deposit.outpoint, state: deposit.state.kind },
      'a deposit was reversed: its transaction is no longer valid',
    )
  return {
    facts,
    cursor: writeCursor({ ...polled, deposits: reports.map(({ deposit }) => deposit) }),
    more,
    following: polled.deposits.length > 0,
  }
}

/** Follows the node's `sequence` events. If the node does not publish them, checks again every minute. */
async function listen(deps: BitcoinDeps, node: BitcoinNode, wake: () => void, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const now = (): void => {
    clearTimeout(timer)
    timer = undefined
    wake()
  }
  const soon = (): void => void (timer ??= setTimeout(now, DEBOUNCE_MS))
  signal.addEventListener('abort', () => clearTimeout(timer))
  while (!signal.aborted) {
    const { zmqUrl, rpcUrl } = deps.config()
    const published = zmqUrl ?? (await node.findSequenceAddress().catch(() => undefined))
    // A node that binds to all interfaces publishes a wildcard. Use the host of the RPC URL instead.
    const address = published?.replace(
      /^tcp:\/\/(?:0\.0\.0\.0|\*|\[::\])(?=:)/,
      `tcp://${new URL(rpcUrl ?? 'http://127.0.0.1').hostname}`,
    )
    if (address === undefined) await waitMs(RETRY_LISTEN_MS, signal)
    else
      await followSequence(
        address,
        { event: ({ kind }) => (kind === 'connected' || kind === 'disconnected' ? now() : soon()), missed: now },
        signal,
      )
  }
}

function problemOf(deps: BitcoinDeps): string | undefined {
  const config = deps.config()
  if (!config.xpub) return 'Bitcoin is off: set BITCOIN_XPUB'
  if (config.rpcUrl === undefined) return 'Bitcoin is off: set BITCOIN_RPC_URL to your node'
  const account = accountOf(config, deps.mode)
  return account && 'problem' in account ? `BITCOIN_XPUB ${account.problem}` : undefined
}

function findAccount({ config, mode }: BitcoinDeps): Account | undefined {
  const account = accountOf(config(), mode)
  return account && !('problem' in account) ? account : undefined
}

function rpcSettings({ config }: BitcoinDeps): {
  url: string
  user: string | undefined
  password: BitcoinConfig['rpcPassword']
  cookieFile: string | undefined
} {
  const { rpcUrl, rpcUser: user, rpcPassword: password, rpcCookie: cookieFile } = config()
  if (rpcUrl === undefined) throw new AppError('payments.rail-unavailable', 503, 'Bitcoin is off: set BITCOIN_RPC_URL')
  return { url: rpcUrl, user, password, cookieFile }
}
