import type { Tx } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import { invariant } from '#platform/base/errors'
import type { WebhooksContext } from './context.ts'
import { readDeliveries, readDelivery, readDetail, reopenDelivery, reopenDeliveries } from './delivery-store.ts'
import { requireEndpoint } from './endpoints.ts'
import { endpointDisabled, noSuchDelivery } from './errors.ts'
import type { Delivery, Endpoint, EndpointKey, Webhooks } from './types.ts'
import { publishTest } from './publish.ts'

const RANGE_BATCH = 1000

type Deliveries = Pick<Webhooks, 'sendTest' | 'listDeliveries' | 'findDelivery' | 'redeliver' | 'redeliverRange'>

/** Needs only the parts of the context that write rows. The queue sends. */
export const createDeliveries = (context: Pick<WebhooksContext, 'clock' | 'ids' | 'wake'>): Deliveries => ({
  sendTest: async (tx, key) => {
    const id = await publishTest(context, tx, await requireEnabled(tx, key))
    return requireDelivery(tx, { id, merchantId: key.merchantId })
  },
  listDeliveries: async (q, query) => {
    const { endpointId, merchantId, limit, cursor } = query
    await requireEndpoint(q, { id: endpointId, merchantId })
    invariant(cursor === undefined || isId('del', cursor), 'a cursor is the id of a delivery')
    const rows = await readDeliveries(q, { ...query, limit: limit + 1 })
    const items = rows.slice(0, limit)
    return { items, nextCursor: rows.length > limit ? items.at(-1)?.id : undefined }
  },
  findDelivery: async (q, key) => {
    const found = await readDetail(q, key)
    if (!found) throw noSuchDelivery(key.id)
    return found
  },
  redeliver: async (tx, key) => {
    const { endpointId, merchantId } = await requireDelivery(tx, key)
    await requireEnabled(tx, { id: endpointId, merchantId: key.merchantId })
    await reopenDelivery(tx, key.id, context.clock.now())
    tx.afterCommit(context.wake)
    return requireDelivery(tx, { id: key.id, merchantId })
  },
  redeliverRange: async (tx, key, range) => {
    await requireEnabled(tx, key)
    const now = context.clock.now()
    const times = await reopenDeliveries(tx, { endpointId: key.id, ...range, now, limit: RANGE_BATCH })
    tx.afterCommit(context.wake)
    return { count: times.length, nextFrom: times.length === RANGE_BATCH ? times.at(-1) : undefined }
  },
})

async function requireEnabled(tx: Tx, key: EndpointKey): Promise<Endpoint> {
  const endpoint = await requireEndpoint(tx, key)
  if (endpoint.disabledAt) throw endpointDisabled(key.id)
  return endpoint
}

async function requireDelivery(
  tx: Tx,
  key: { id: string; merchantId: string },
): Promise<Delivery & { merchantId: string }> {
  const delivery = await readDelivery(tx, key)
  if (!delivery) throw noSuchDelivery(key.id)
  return { ...delivery, merchantId: key.merchantId }
}
