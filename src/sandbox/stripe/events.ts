import type { Clock } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import { addTimer } from '../timers.ts'
import { listEndpoints, type StripeObject } from './store.ts'

export type Emit = (
  tx: Tx,
  /** `livemode` is for objects without their own livemode. */
  event: { type: string; object: StripeObject; previous?: object; livemode?: boolean },
) => Promise<void>

/** Creates a function that writes an event for each endpoint. After the commit, timers sign and send it until it is accepted. */
export function createEmit(deps: { clock: Clock; ids: Ids; webhookUrl: () => string | undefined }): Emit {
  const { clock, ids, webhookUrl } = deps
  return async (tx, { type, object, previous, livemode = object.livemode === true }) => {
    const now = clock.now()
    const body = JSON.stringify({
      id: stripeId(ids, 'evt'),
      object: 'event',
      api_version: '2026-10-28.endive',
      created: Math.floor(now.getTime() / 1000),
      data: { object, ...(previous ? { previous_attributes: previous } : {}) },
      livemode,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: null },
      type,
    })
    const own = webhookUrl()
    const urls = new Set([...(own ? [own] : []), ...(await listEndpoints(tx))])
    for (const url of urls) await addTimer(tx, ids, { kind: 'event', subject: url, body, dueAt: now })
  }
}

/** Creates an id such as `ch_…`: prefix, letters and digits, sorted by time. */
export const stripeId = (ids: Ids, prefix: string): string => `${prefix}_${ids.next('x').slice(2)}`
