import { createHash } from 'node:crypto'
import { sandboxCredentials, sandboxSchema } from '#sandbox'
import type { SetClock } from '#platform/base/clock'
import { createIds } from '#platform/base/ids'
import { openTestDatabase, type TestDatabase } from '../database.ts'
import { createRandom } from '../random.ts'
import { openSimulators, type Simulators } from '../simulators.ts'
import { openWorld, type World } from '../world.ts'
import { makeMortal, type Mortal } from './death.ts'
import { openWire, type Wire } from './wire.ts'

/** The program in live mode, the providers over a database of their own, and the wires between them, under one set clock. */
export interface Desk extends AsyncDisposable {
  readonly world: World
  readonly providers: TestDatabase
  /** From the program to the providers. */
  readonly outward: Wire
  /** From the providers to the program. */
  readonly inward: Wire
  /** The provider's own pages, as the payer's browser reaches them. */
  readonly providersUrl: string
  /** What somebody does on a page or at a control of the providers'. Its answer as text. */
  visit(path: string, body?: object | URLSearchParams): Promise<{ status: number; text: string }>
  /** The program dies after so many more of its commits. */
  dieAfter(commits: number | undefined): void
  crash(): Promise<void>
  /** Moves the clock and does all that becomes due on both sides, in steps of `stepMs`. */
  pass(ms: number, stepMs?: number): Promise<void>
  /** Waits for a program that was killed to be replaced. */
  settled(): Promise<void>
  /** Makes the wires whole and the program immortal. */
  calm(): void
}

/** Logins are spared: what comes after them is worth more trouble. */
const EXPOSED = /^(?!.*\/oauth)\/sandbox\/(daraja|stripe|airtel|crossmint|coingecko|coinbase|kraken|bitcoin\/rpc)\b/
/** Whoever sends to these addresses tries again until it is taken. */
const REPEATS = /^\/api\/webhook\/(stripe|crossmint)\b/

/** Prompts and payments to phones: what no provider does once only because it was asked twice with the same key. */
function effectOf(path: string, body: string): string | undefined {
  const [, id] =
    (path.includes('/stkpush/') && /"CallBackURL":"([^"]+)"/.exec(body)) ||
    (path.includes('/b2c/') && /"OriginatorConversationID":"([^"]+)"/.exec(body)) ||
    (/airtel\/merchant\/v\d\/payments/.test(path) && /"transaction":\{[^}]*"id":"([^"]+)"/.exec(body)) ||
    []
  return id === undefined ? undefined : `${path} ${id}`
}

/** Bytes that look random and are the same for the same seed. */
function createBytes(seed: string): (bytes: number) => Buffer {
  const random = createRandom(createHash('sha256').update(seed).digest().readInt32BE(0))
  return (bytes) => Buffer.from(Array.from({ length: bytes }, () => random(256)))
}

/** `env`: the program's settings beside those of the providers. */
export async function openDesk({ seed, env = {} }: { seed: number; env?: Record<string, string> }): Promise<Desk> {
  const stack = new AsyncDisposableStack()
  const providers = stack.use(await openTestDatabase([sandboxSchema]))
  // Each needs the other's address first: the wires are there before what they lead to.
  const parts: { world?: World; simulators?: Simulators; mortal?: Mortal } = {}
  let crashed: Promise<void> = Promise.resolve()
  let deaths = 0
  const calm = (): void => {
    for (const wire of [outward, inward]) Object.assign(wire, { mishap: undefined })
    parts.mortal?.dieAfter(undefined)
  }
  /** Once: the program that starts then has better luck. */
  const kill = (): void => {
    calm()
    deaths += 1
    const before = crashed
    crashed = before.then(() => world.crash()).then(arm)
  }
  const arm = (): void => void (parts.mortal = makeMortal(world.app.db, kill))
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
    // Nobody publishes there: looks come by the clock alone, the same each time.
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
    const known = deaths
    await world.advance(0).catch((error: unknown) => {
      // What a killed program was doing ends as it may.
      if (deaths === known) throw error
    })
    await crashed
  }
  return {
    world,
    providers,
    outward,
    inward,
    calm,
    providersUrl: simulators.url,
    visit: (path, body) => visit(new URL(path, simulators.url), body),
    dieAfter: (commits) => parts.mortal?.dieAfter(commits),
    crash: async () => {
      await crashed
      await world.crash()
      arm()
    },
    settled: () => crashed,
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
