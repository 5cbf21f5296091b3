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
import type { AskedAt, CollectRequest, Fact, Looked, Outcome, Rail, Watch, Watched } from '#rails/contract'
import { waitMs, type Clock } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import { AppError } from '#platform/base/errors'
import type { Fetch } from '#platform/web/fetch'
import type { Log } from '#platform/observe/log'
import { accountOf, networkOf, type BitcoinConfig } from './config.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { toleranceOf } from './finality.ts'
import { lookAtNode, type Target } from './look.ts'
import { createStatement } from './statement.ts'
import { tell } from './telling.ts'

export interface BitcoinDeps {
  mode: Mode
  fetch: Fetch
  clock: Clock
  log: Log
  /** Asked at each use: the settings may change while the program runs. */
  config: () => BitcoinConfig
}

const ASSET: Asset = 'BTC/8'
const MAX_SATS = 2_100_000_000_000_000n
/** The node asked before an address is given out need not be asked again for so long. */
const TRUST_MS = 15_000
const LOOK_EVERY_MS = 10_000
/** The payer has the time of the payment, and is watched for a day after it; then the desk's daily look over all addresses finds what comes. */
const LIFETIME_MS = 25 * 60 * 60_000
/** Transactions of all the world come several times a second: one look for all of such a time. */
const GATHER_MS = 1000
const ASK_AGAIN_MS = 60_000

/** Bitcoin to an address of each attempt's own, derived from a public key; a node tells what arrived. */
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
      // What became of it is told by looking at all of them at once.
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
    throw new AppError('payments.no-index', 500, 'A Bitcoin attempt without an address index')
  try {
    // An address that nobody watches must not be given out.
    await requireNode()
  } catch (error) {
    if (!(error instanceof BitcoinError)) throw error
    return failed('provider-unavailable', error.message)
  }
  const { address } = account.addressAt(request.index)
  return { kind: 'pending', reference: address, address, paymentUri: uriOf({ ...request, address }) }
}

const uriOf = ({ address, amount, merchantName, description }: AskedAt): string =>
  formatPaymentUri({ address, sats: amount.amount, label: merchantName, message: description })

/** Asks the node whether it is there, on this network and up to date; a good answer holds for a while. */
function createGuard({ clock, mode, config }: BitcoinDeps, node: BitcoinNode): () => Promise<void> {
  let good: { at: number; url: string | undefined } | undefined
  return async () => {
    const now = clock.now().getTime()
    const { rpcUrl: url } = config()
    if (good && good.url === url && now >= good.at && now - good.at < TRUST_MS) return
    good = undefined
    await node.requireTip(networkOf(config(), mode))
    good = { at: now, url }
  }
}

function watchWith(deps: BitcoinDeps, node: BitcoinNode): Watch {
  return {
    everyMs: LOOK_EVERY_MS,
    look: (cursor, watched) => look(deps, node, cursor, watched),
    listen: (wake, signal) => listen(deps, node, wake, signal),
  }
}

async function look(
  deps: BitcoinDeps,
  node: BitcoinNode,
  text: string | undefined,
  watched: readonly Watched[],
): Promise<Looked> {
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
  const pass = await lookAtNode({ node, clock, network }, cursor, targets)
  const { tip, more, reorganised } = pass
  if (reorganised > 0) log.warn({ blocks: reorganised, height: tip.height }, 'the chain was reorganised')
  const tellings = pass.sightings.map((sighting) => tell(sighting, tip, config().tiers))
  const facts = tellings.flatMap(({ sighting, outcome }): Fact[] =>
    outcome ? [{ about: { attemptId: sighting.attemptId }, outcome, needsCheck: false }] : [],
  )
  for (const { sighting } of tellings.filter(({ outcome }) => outcome?.kind === 'reversed'))
    log.warn(
      { attemptId: sighting.attemptId, outpoint: sighting.outpoint, state: sighting.state.kind },
      'money that was seen is gone',
    )
  return {
    facts,
    cursor: writeCursor({ ...pass, sightings: tellings.map(({ sighting }) => sighting) }),
    more,
    following: pass.sightings.length > 0,
  }
}

/** Follows the node's own news; a node that publishes none is asked again from time to time. */
async function listen(deps: BitcoinDeps, node: BitcoinNode, wake: () => void, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const now = (): void => {
    clearTimeout(timer)
    timer = undefined
    wake()
  }
  const soon = (): void => void (timer ??= setTimeout(now, GATHER_MS))
  signal.addEventListener('abort', () => clearTimeout(timer))
  while (!signal.aborted) {
    const { zmqUrl, rpcUrl } = deps.config()
    const told = zmqUrl ?? (await node.findSequenceAddress().catch(() => undefined))
    // A node that listens everywhere does not say where it is.
    const address = told?.replace(
      /^tcp:\/\/(?:0\.0\.0\.0|\*|\[::\])(?=:)/,
      `tcp://${new URL(rpcUrl ?? 'http://127.0.0.1').hostname}`,
    )
    if (address === undefined) await waitMs(ASK_AGAIN_MS, signal)
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
