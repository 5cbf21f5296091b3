import { invariant } from '#platform/base/errors'
import type { Tx } from '#platform/database/db'
import { listMatchingPatterns, type WebhooksContext } from './context.ts'
import { listSubscribedEndpoints } from './endpoint-store.ts'
import { insertDeliveries, insertEvent, type EventRow } from './event-store.ts'
import type { Endpoint, NewEvent } from './types.ts'

const TYPE = /^[a-z_]+\.[a-z_]+$/

/** See Webhooks.publish. Who listens is read in the transaction: no cache decides whether an event is written. */
export async function publish(context: WebhooksContext, tx: Tx, event: NewEvent): Promise<string | undefined> {
  invariant(TYPE.test(event.type), `'${event.type}' is not an event type such as 'payment.paid'`)
  const listeners = await listSubscribedEndpoints(tx, event.merchantId, listMatchingPatterns(event.type))
  if (listeners.length === 0) return undefined
  const row = eventRow(context, event)
  if (!(await insertEvent(tx, row))) return undefined
  await insertDeliveries(
    tx,
    row,
    listeners.map((endpointId) => ({ id: context.ids.next('del'), endpointId })),
  )
  tx.afterCommit(context.wake)
  return row.id
}

/** An event for this endpoint alone, whatever it listens to. @returns the id of the delivery */
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
    message: 'This event was asked for to try the endpoint. Nothing was paid.',
  })
  const row = eventRow(context, { merchantId, livemode, type: 'webhook.test', objectId, version: 1, render })
  const id = context.ids.next('del')
  await insertEvent(tx, row)
  await insertDeliveries(tx, row, [{ id, endpointId: endpoint.id }])
  tx.afterCommit(context.wake)
  return id
}

/** The body is made once, so that every sending is the same to the byte. */
function eventRow({ ids, clock }: Pick<WebhooksContext, 'clock' | 'ids'>, { render, ...event }: NewEvent): EventRow {
  const id = ids.next('evt')
  const createdAt = clock.now()
  const { type, livemode, version } = event
  const body = { id, type, created_at: createdAt.toISOString(), livemode, version, data: { object: render() } }
  return { ...event, id, createdAt, body: JSON.stringify(body) }
}
