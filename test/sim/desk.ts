import { createHash } from 'node:crypto'
import { sandboxCredentials, sandboxSchema } from '#sandbox'
import type { SetClock } from '#platform/base/clock'
import { createIds } from '#platform/base/ids'
import { openTestDatabase, type TestDatabase } from '../database.ts'
import { createRandom } from '../random.ts'
import { openSimulators, type Simulators } from '../simulators.ts'
import { openWorld, type World } from '../world.ts'
import { makeCrashable, type Crashable } from './crash.ts'
import { openWire, type Wire } from './wire.ts'

/** Purser in live mode, the providers on a separate database, and the wires between them, all on one set clock. */
export interface Desk extends AsyncDisposable {
  readonly world: World
  readonly providers: TestDatabase
  /** Proxy from the program to the providers. */
  readonly outward: Wire
  /** Proxy from the providers to the program. */
  readonly inward: Wire
  /** Base URL of the providers' pages, without a proxy, as the payer's browser reaches them. */
  readonly providersUrl: string
  /** Posts to a page or control of a provider. Returns the response as text. */
  visit(path: string, body?: object | URLSearchParams): Promise<{ status: number; text: string }>
  /** Crashes the program after this many more commits. */
  crashAfter(commits: number | undefined): void
  crash(): Promise<void>
  /** Advances the clock and runs everything due on both sides, in steps of `stepMs`. */
  pass(ms: number, stepMs?: number): Promise<void>
  /** Waits until a killed program has restarted. */
  restarted(): Promise<void>
  /** Removes the faults of both wires and any planned crash. */
  clearFaults(): void
}

/** Paths that can get faults. Logins are excluded, because faults in the requests after them are more interesting. */
const EXPOSED = /^(?!.*\/oauth)\/sandbox\/(daraja|stripe|airtel|crossmint|coingecko|coinbase|kraken|bitcoin\/rpc)\b/
/** Webhook paths whose providers retry until the event is accepted. */
const REPEATS = /^\/api\/webhook\/(stripe|crossmint)\b/

/** Names a phone prompt or payout. Providers do not deduplicate these by a key, so a second request is a bug. */
function effectOf(path: string, body: string): string | undefined {
  const [, id] =
    (path.includes('/stkpush/') && /"CallBackURL":"([^"]+)"/.exec(body)) ||
    (path.includes('/b2c/') && /"OriginatorConversationID":"([^"]+)"/.exec(body)) ||
    (/airtel\/merchant\/v\d\/payments/.test(path) && /"transaction":\{[^}]*"id":"([^"]+)"/.exec(body)) ||
    []
  return id === undefined ? undefined : `${path} ${id}`
}

/** Creates a deterministic source of random bytes for a seed. */
function createBytes(seed: string): (bytes: number) => Buffer {
  const random = createRandom(createHash('sha256').update(seed).digest().readInt32BE(0))
  return (bytes) => Buffer.from(Array.from({ length: bytes }, () => random(256)))
}

/** `env` adds program settings to those of the providers. */
export async function openDesk({ seed, env = {} }: { seed: number; env?: Record<string, string> }): Promise<Desk> {
  const stack = new AsyncDisposableStack()
  const providers = stack.use(await openTestDatabase([sandboxSchema]))
  // The wires open first, because the program and the providers need each other's URL.
  const parts: { world?: World; simulators?: Simulators; crashable?: Crashable } = {}
  let crashed: Promise<void> = Promise.resolve()
  let crashes = 0
  const clearFaults = (): void => {
    for (const wire of [outward, inward]) Object.assign(wire, { fault: undefined })
    parts.crashable?.crashAfter(undefined)
  }
  /** Kills the program and removes all faults, so that its successor starts without them. */
  const kill = (): void => {
    clearFaults()
    crashes += 1
    const before = crashed
    crashed = before.then(() => world.crash()).then(arm)
  }
  const arm = (): void => void (parts.crashable = makeCrashable(world.app.db, kill))
  const exposed = (path: string): boolean => EXPOSED.test(path)
  const outward = stack.use(await openWire({ to: () => parts.simulators?.url ?? '', exposed, effectOf, kill }))
  const inward = stack.use(
    await openWire({
      to: () => parts.world?.address ?? '',
      exposed: (path) => path.startsWith('/api/webhook/'),
      repeats: (path) => REPEATS.test(path),
      kill,
    }),
  )
  const settings = {
    ...sandboxCredentials(outward.url, { livemode: true }),
    PUBLIC_URL: inward.url,
    // Nothing publishes at this address, so polling by the clock is the only trigger and runs are deterministic.
    BITCOIN_ZMQ_URL: 'tcp://127.0.0.1:9',
    ...env,
  }
  const world = stack.use(await openWorld({ mode: 'live', env: settings, bytes: createBytes(`program ${seed}`) }))
  parts.world = world
  const clock = world.clock as SetClock
  const webhookUrl = (provider: string): string => `${inward.url}/api/webhook/${provider}`
  const ids = createIds(clock, createBytes(`providers ${seed}`))
  const simulators = stack.use(await openSimulators({ db: providers.owner, clock, ids, webhookUrl }))
  parts.simulators = simulators
  arm()
  const runDue = async (): Promise<void> => {
    await simulators.runDue()
    await crashed
    const known = crashes
    await world.advance(0).catch((error: unknown) => {
      // Work of a killed program may fail in any way.
      if (crashes === known) throw error
    })
    await crashed
  }
  return {
    world,
    providers,
    outward,
    inward,
    clearFaults,
    providersUrl: simulators.url,
    visit: (path, body) => visit(new URL(path, simulators.url), body),
    crashAfter: (commits) => parts.crashable?.crashAfter(commits),
    crash: async () => {
      await crashed
      await world.crash()
      arm()
    },
    restarted: () => crashed,
    pass: async (ms, stepMs = 1000) => {
      for (let left = ms; left > 0; left -= stepMs) {
        clock.advance(Math.min(stepMs, left))
        await runDue()
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function visit(url: URL, body: object | URLSearchParams = {}): Promise<{ status: number; text: string }> {
  const isForm = body instanceof URLSearchParams
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    ...(isForm ? { body } : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  return { status: answer.status, text: await answer.text() }
}
