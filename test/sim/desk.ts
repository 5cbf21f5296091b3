import { sandboxCredentials, sandboxSchema } from '#sandbox'
import type { SetClock } from '#platform/clock'
import { openTestDatabase, type TestDatabase } from '../database.ts'
import { openSimulators, type Simulators } from '../simulators.ts'
import { openWorld, type World } from '../world.ts'
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
  /** Moves the clock and does all that becomes due on both sides, in steps of `stepMs`. */
  pass(ms: number, stepMs?: number): Promise<void>
  /** Waits for a program that was killed to be replaced. */
  settled(): Promise<void>
}

const EXPOSED = /^\/sandbox\/(daraja|stripe)\//

export async function openDesk(): Promise<Desk> {
  const stack = new AsyncDisposableStack()
  const providers = stack.use(await openTestDatabase([sandboxSchema]))
  // Each needs the other's address first: the wires are there before what they lead to.
  const parts: { world?: World; simulators?: Simulators } = {}
  let crashed: Promise<void> = Promise.resolve()
  let deaths = 0
  /** Once: the program that starts then has better luck. */
  const kill = (): void => {
    Object.assign(outward, { mishap: undefined })
    Object.assign(inward, { mishap: undefined })
    deaths += 1
    const before = crashed
    crashed = before.then(() => world.crash())
  }
  const outward = stack.use(
    await openWire({ to: () => parts.simulators?.url ?? '', exposed: (path) => EXPOSED.test(path), kill }),
  )
  const inward = stack.use(
    await openWire({ to: () => parts.world?.address ?? '', exposed: (path) => path.startsWith('/api/webhook/'), kill }),
  )
  const env = { ...sandboxCredentials(outward.url, { livemode: true }), PUBLIC_URL: inward.url }
  const world = stack.use(await openWorld({ mode: 'live', env }))
  parts.world = world
  const clock = world.clock as SetClock
  const webhookUrl = (provider: string): string => `${inward.url}/api/webhook/${provider}`
  const simulators = stack.use(await openSimulators({ db: providers.owner, clock, webhookUrl }))
  parts.simulators = simulators
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
    providersUrl: simulators.url,
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
