import { invariant } from '#platform/errors'
import type { Tx } from '#platform/db'
import { patternsOf, type Core } from './context.ts'
import { readListeners } from './endpoint-store.ts'
import { insertDeliveries, insertEvent, type EventRow } from './event-store.ts'
import type { Endpoint, NewEvent } from './types.ts'

const TYPE = /^[a-z_]+\.[a-z_]+$/

/** See Webhooks.publish. Who listens is read in the transaction: no cache decides whether an event is written. */
export async function publish(core: Core, tx: Tx, event: NewEvent): Promise<string | undefined> {
  invariant(TYPE.test(event.type), `'${event.type}' is not an event type such as 'payment.paid'`)
  const listeners = await readListeners(tx, event.merchantId, patternsOf(event.type))
  if (listeners.length === 0) return undefined
  const row = eventRow(core, event)
  if (!(await insertEvent(tx, row))) return undefined
  await insertDeliveries(
    tx,
    row,
    listeners.map((endpointId) => ({ id: core.ids.next('del'), endpointId })),
  )
  tx.afterCommit(core.wake)
  return row.id
}

/** An event for this endpoint alone, whatever it listens to. @returns the id of the delivery */
export async function publishTest(
  core: Pick<Core, 'clock' | 'ids' | 'wake'>,
  tx: Tx,
  endpoint: Endpoint,
): Promise<string> {
  const { merchantId, livemode } = endpoint
  const objectId = core.ids.next('test')
  const render = (): object => ({
    id: objectId,
    object: 'test',
    endpoint: endpoint.id,
    message: 'This event was asked for to try the endpoint. Nothing was paid.',
  })
  const row = eventRow(core, { merchantId, livemode, type: 'webhook.test', objectId, version: 1, render })
  const id = core.ids.next('del')
  await insertEvent(tx, row)
  await insertDeliveries(tx, row, [{ id, endpointId: endpoint.id }])
  tx.afterCommit(core.wake)
  return id
}

/** The body is made once, so that every sending is the same to the byte. */
function eventRow({ ids, clock }: Pick<Core, 'clock' | 'ids'>, { render, ...event }: NewEvent): EventRow {
  const id = ids.next('evt')
  const createdAt = clock.now()
  const { type, livemode, version } = event
  const body = { id, type, created_at: createdAt.toISOString(), livemode, version, data: { object: render() } }
  return { ...event, id, createdAt, body: JSON.stringify(body) }
}
