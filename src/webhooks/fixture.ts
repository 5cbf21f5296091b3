import type pg from 'pg'
import type { LookupFunction } from 'node:net'
import { createIdentity } from '#identity'
import { createSetClock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { createFetch } from '#platform/web/fetch'
import { createIds } from '#platform/base/ids'
import { createJobs, type Jobs } from '#platform/runtime/jobs'
import { createMemoryLog } from '#platform/observe/log'
import { createMasterKey } from '#platform/environment/masterkey'
import { createMetrics } from '#platform/observe/metrics'
import type { Webhooks } from './types.ts'
import { createWebhooks } from './webhooks.ts'

/** Test fixture: webhooks on a real database and real jobs, with a set clock. */

export const MERCHANT = 'mer_1'
export const ACTOR = { type: 'system', id: 'test' } as const
export const SECOND_MS = 1000
export const HOUR_MS = 3600 * SECOND_MS
export const DAY_MS = 24 * HOUR_MS

/** Resolves every name to a private address. */
const lookup: LookupFunction = (_, options, callback) =>
  options.all ? callback(null, [{ address: '10.0.0.7', family: 4 }]) : callback(null, '10.0.0.7', 4)

export function openTestWebhooks(t: { readonly db: Db; readonly connection: pg.ClientConfig }) {
  const stack = new AsyncDisposableStack()
  const clock = createSetClock()
  const ids = createIds(clock)
  const log = createMemoryLog({ level: 'debug' })
  const metrics = createMetrics({ defaults: false })
  const masterKey = createMasterKey([{ version: 1, key: Buffer.alloc(32, 7) }])
  const identity = createIdentity({ db: t.db, mode: 'sandbox', masterKey, clock, ids, log })
  const fetch = createFetch({ log, metrics, mode: 'sandbox', allowLoopback: true, lookup })
  stack.defer(() => fetch.close())
  const createInstance = (): { webhooks: Webhooks; jobs: Jobs } => {
    const webhooks: Webhooks = createWebhooks({
      ...{ db: t.db, identity, jobs: () => jobs, fetch, masterKey, clock, ids, log, metrics },
    })
    const { queues = [], crons = [] } = webhooks
    const jobs: Jobs = createJobs({
      ...{ db: t.db, connection: t.connection, clock, ids, log, metrics, jobs: [], queues, crons },
      instance: { version: 'test' },
    })
    stack.defer(() => jobs.drain(1000))
    return { webhooks, jobs }
  }
  const { webhooks, jobs } = createInstance()
  let version = 0
  return {
    ...t,
    ...{ clock, log, metrics, createInstance, webhooks, jobs },
    subscribe: async (url: string, events: readonly string[] = ['*']) => {
      const input = { merchantId: MERCHANT, livemode: false, url, events }
      const made = await t.db.transaction((tx) => webhooks.createEndpoint(tx, input, ACTOR))
      return { key: { id: made.endpoint.id, merchantId: MERCHANT }, secret: made.secret.reveal() }
    },
    publish: (objectId: string, type = 'payment.paid', at: number = ++version) =>
      t.db.transaction((tx) =>
        webhooks.publish(tx, {
          ...{ merchantId: MERCHANT, livemode: false, type, objectId, version: at },
          render: () => ({ id: objectId, n: at }),
        }),
      ),
    /** Advances the clock in one step and runs what is then due. */
    advance: async (ms: number) => {
      clock.advance(ms)
      await jobs.runDue()
    },
    deliveries: async (endpointId: string) =>
      (await webhooks.listDeliveries(t.db, { endpointId, merchantId: MERCHANT, limit: 100 })).items,
    violations: async () => (await Promise.all((webhooks.invariants ?? []).map((one) => one.check(t.db)))).flat(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
