import { createSetClock, type SetClock } from '#platform/base/clock'
import type { ConfigOf, ConfigSpec, Mode } from '#platform/environment/config'
import type { Db } from '#platform/database/db'
import { createFetch, type Fetch } from '#platform/web/fetch'
import { createIds, type Ids } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { Secret } from '#platform/base/secrets'
import { sandboxCredentials, sandboxSchema } from '#sandbox'
import { openTestDatabase } from './database.ts'
import { openReceiver, type Receiver } from './faulty.ts'
import { openSimulators, type Simulators } from './simulators.ts'

export interface RailBench extends AsyncDisposable {
  readonly clock: SetClock
  readonly ids: Ids
  readonly db: Db
  readonly fetch: Fetch
  /** A fetch with a short timeout, so that a silent provider does not delay the tests. */
  readonly shortTimeoutFetch: Fetch
  readonly simulators: Simulators
  /** Receives callbacks and events. */
  readonly receiver: Receiver
  /** Returns a rail's settings for the simulators, or for a proxy before them at `baseUrl`. */
  settings<Spec extends ConfigSpec>(
    spec: Spec,
    mode: Mode,
    changed?: Record<string, string | undefined>,
  ): ConfigOf<Spec>
}

const HASTY_MS = 250

/** Opens the simulators on a real database and loopback, with everything a rail needs to reach them. */
export async function openRailBench(): Promise<RailBench> {
  const clock = createSetClock()
  const ids = createIds(clock)
  const database = await openTestDatabase([sandboxSchema])
  const receiver = await openReceiver()
  const webhookUrl = (rail: string): string => `${receiver.url}/api/webhook/${rail}`
  const simulators = await openSimulators({ db: database.db, clock, ids, webhookUrl })
  const fetch = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'sandbox' })
  const shortTimeoutFetch: Fetch = Object.assign(
    (request: Parameters<Fetch>[0]) => fetch({ ...request, deadlineMs: HASTY_MS }),
    { untrusted: fetch.untrusted, refusalOf: fetch.refusalOf, close: fetch.close },
  )
  return {
    ...{ clock, ids, db: database.db, fetch, shortTimeoutFetch, simulators, receiver },
    settings: (spec, mode, changed = {}) => {
      const given = { ...sandboxCredentials(simulators.url, { livemode: mode === 'live' }), ...changed }
      const known = Object.entries(given).flatMap(([name, text]) =>
        text === undefined ? [] : [[name, new Secret(text)] as const],
      )
      const { value, problems } = spec.parse(new Map(known), { mode })
      if (value === undefined) throw new Error(problems.join('; '))
      return value as ConfigOf<typeof spec>
    },
    [Symbol.asyncDispose]: async () => {
      await fetch.close()
      await simulators[Symbol.asyncDispose]()
      await receiver[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
