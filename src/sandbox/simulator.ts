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

/** Dependencies of a simulated provider. */
export interface SimulatorDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly deliver: Deliver
  readonly gate: Gate
  /** Phones that the mobile money networks prompt. */
  readonly prompts: Prompts
  /** Returns the browsers' base URL of the sandbox, without a trailing slash. */
  readonly baseUrl: () => string
  /** Writes the event for each endpoint of the provider. After the commit, a timer of this kind sends it. */
  readonly emit: (tx: Tx, timer: { kind: string; body: string }) => Promise<void>
  /** Returns the URLs that receive the provider's events. */
  readonly endpoints: (tx: Tx) => Promise<readonly string[]>
}

/** A simulated provider with its own wire protocol, under `/sandbox/<name>`. */
export interface Simulator {
  routes(app: HttpServer, assets: Assets): void
  /** Handlers of scheduled work, by kind of timer: `<name>.…`. */
  readonly timers?: Readonly<Record<string, TimerHandler>>
  /** Handlers of timers that send something to Purser. They fail when a fault is planned. */
  readonly deliveries?: Readonly<Record<string, TimerHandler>>
}

/** Definition of a simulator for the list. */
export interface SimulatorKind {
  /** Name in the paths. The rail of that name receives its events. */
  readonly name: string
  /** Returns the settings that point the rail at the simulator. `url` is the sandbox's URL, without a trailing slash. */
  credentials(url: string, options: { livemode: boolean }): Readonly<Record<string, string>>
  readonly controls?: Readonly<Record<string, string>>
  create(deps: SimulatorDeps): Simulator
}

/** Returns the URLs for a provider's events: the Purser that owns the sandbox, and registered URLs. */
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

/** Adds the control that registers a webhook URL, as a merchant would in the provider's console. For a Purser in another process. */
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
