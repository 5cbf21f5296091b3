import { invariant } from '#platform/base/errors'
import type { Tx } from '#platform/database/db'
import { listMatchingPatterns, type WebhooksContext } from './context.ts'
import { listSubscribedEndpoints } from './endpoint-store.ts'
import { insertDeliveries, insertEvent, type EventRow } from './event-store.ts'
import type { Endpoint, NewEvent } from './types.ts'

const TYPE = /^[a-z_]+\.[a-z_]+$/

/** See `Webhooks.publish`. It reads subscriptions in the transaction, so no cache decides whether an event is written. */
export async function publish(context: WebhooksContext, tx: Tx, event: NewEvent): Promise<string | undefined> {
  invariant(TYPE.test(event.type), `'${event.type}' is not an event type such as 'payment.paid'`)
  const subscribers = await listSubscribedEndpoints(tx, event.merchantId, listMatchingPatterns(event.type))
  if (subscribers.length === 0) return undefined
  const row = createEventRow(context, event)
  if (!(await insertEvent(tx, row))) return undefined
  await insertDeliveries(
    tx,
    row,
    subscribers.map((endpointId) => ({ id: context.ids.next('del'), endpointId })),
  )
  tx.afterCommit(context.wake)
  return row.id
}

/** Publishes a test event to this endpoint only, regardless of its subscriptions. @returns the id of the delivery */
export async function publishTest(
  context: Pick<WebhooksContext, 'clock' | 'ids' | 'wake'>,
  tx: Tx,
  endpoint: Endpoint,
): Promise<string> {
  const { merchantId, livemode } = endpoint
  const objectId = context.ids.next('test')
  const render = (): object => ({
    id: objectId,
    object: 'test',
    endpoint: endpoint.id,
    message: 'This is a test event for the endpoint. No payment was made.',
  })
  const row = createEventRow(context, { merchantId, livemode, type: 'webhook.test', objectId, version: 1, render })
  const id = context.ids.next('del')
  await insertEvent(tx, row)
  await insertDeliveries(tx, row, [{ id, endpointId: endpoint.id }])
  tx.afterCommit(context.wake)
  return id
}

/** Renders the body once, so that every attempt sends identical bytes. */
function createEventRow(
  { ids, clock }: Pick<WebhooksContext, 'clock' | 'ids'>,
  { render, ...event }: NewEvent,
): EventRow {
  const id = ids.next('evt')
  const createdAt = clock.now()
  const { type, livemode, version } = event
  const body = { id, type, created_at: createdAt.toISOString(), livemode, version, data: { object: render() } }
  return { ...event, id, createdAt, body: JSON.stringify(body) }
}
