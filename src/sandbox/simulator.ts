import { z } from 'zod'
import type { Clock } from '#platform/base/clock'
import type { Db, Tx } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { HttpServer } from '#platform/web/http'
import type { Ids } from '#platform/base/ids'
import type { Gate } from './access.ts'
import { DELIVERY_REFUSED, type Deliver } from './deliver.ts'
import type { Assets } from './page/assets.ts'
import type { Prompts } from './phone/prompts.ts'
import { addEndpoint, listEndpoints } from './store.ts'
import { addTimer, type TimerHandler } from './timers.ts'

/** What a simulated provider stands on. */
export interface SimulatorDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly deliver: Deliver
  readonly gate: Gate
  /** The phones that mobile money networks prompt. */
  readonly prompts: Prompts
  /** Where browsers reach the sandbox, without a slash at the end. */
  readonly baseUrl: () => string
  /** Writes the event for each endpoint of the provider; a timer of this kind sends it once the transaction has committed. */
  readonly emit: (tx: Tx, timer: { kind: string; body: string }) => Promise<void>
  /** Where the provider's events go. */
  readonly endpoints: (tx: Tx) => Promise<readonly string[]>
}

/** A provider at the wire. It lives under `/sandbox/<name>`. */
export interface Simulator {
  routes(app: HttpServer, assets: Assets): void
  /** What is to be done at a time, by the kind of the timer: `<name>.…`. */
  readonly timers?: Readonly<Record<string, TimerHandler>>
  /** The same for what is sent to the program: these misbehave when a fault is planned. */
  readonly deliveries?: Readonly<Record<string, TimerHandler>>
}

/** A simulator as the list holds it. */
export interface SimulatorKind {
  /** As in its paths; the rail of that name takes its events. */
  readonly name: string
  /** Settings with which the rail finds it. `url` is the sandbox's, without a slash at the end. */
  credentials(url: string, options: { livemode: boolean }): Readonly<Record<string, string>>
  readonly controls?: Readonly<Record<string, string>>
  create(deps: SimulatorDeps): Simulator
}

/** Where a provider's events go: to the program that the sandbox belongs to, and where somebody said. */
export const endpointsOf =
  (provider: string, ownUrl: () => string | undefined): SimulatorDeps['endpoints'] =>
  async (tx) => {
    const own = ownUrl()
    return [...new Set([...(own === undefined ? [] : [own]), ...(await listEndpoints(tx, provider))])]
  }

export const emitTo =
  (
    endpoints: SimulatorDeps['endpoints'],
    { clock, ids }: Pick<SimulatorDeps, 'clock' | 'ids'>,
  ): SimulatorDeps['emit'] =>
  async (tx, timer) => {
    for (const subject of await endpoints(tx)) await addTimer(tx, ids, { ...timer, subject, dueAt: clock.now() })
  }

const endpointBody = z.strictObject({ url: z.url() })

/** The webhook address that a merchant sets in the provider's console, for a program that is another process. */
export function addEndpointControl(
  app: HttpServer,
  { db, clock, deliver, gate }: Pick<SimulatorDeps, 'db' | 'clock' | 'deliver' | 'gate'>,
  provider: string,
): void {
  const options = { onRequest: gate, schema: { hide: true, body: endpointBody } }
  app.post(`/sandbox/${provider}/endpoints`, options, async (request, reply) => {
    const { url } = request.body
    if (!deliver.accepts(url))
      throw new AppError('sandbox.elsewhere', 422, `${url}: ${DELIVERY_REFUSED}.`, { param: 'url' })
    await addEndpoint(db, provider, url, clock.now())
    return reply.status(201).send({ provider, url })
  })
}
