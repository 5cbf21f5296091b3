import { sql, type Queryable, type Tx } from '#platform/database/db'

/** SQL for webhooks.events and for inserting deliveries. */

export interface EventRow {
  id: string
  merchantId: string
  livemode: boolean
  type: string
  objectId: string
  version: number
  body: string
  createdAt: Date
}

/** Returns false when the event was published before. */
export async function insertEvent(tx: Tx, row: EventRow): Promise<boolean> {
  const written =
    await tx.run(sql`insert into webhooks.events (id, merchant_id, livemode, type, object_id, version, body, created_at)
    values (${row.id}, ${row.merchantId}, ${row.livemode}, ${row.type}, ${row.objectId}, ${row.version}, ${row.body}, ${row.createdAt})
    on conflict (object_id, version, type, merchant_id) do nothing`)
  return written === 1
}

/**
 * Inserts a delivery for each endpoint. It is due now, or when the delivery before it (same object, same endpoint) is retried. An earlier
 * due time would only make the queue skip it until then.
 */
export async function insertDeliveries(
  tx: Tx,
  event: EventRow,
  to: readonly { id: string; endpointId: string }[],
): Promise<void> {
  await tx.run(sql`insert into webhooks.deliveries
      (id, event_id, endpoint_id, merchant_id, type, object_id, version, due_at, created_at)
    select n.id, ${event.id}, n.endpoint_id, ${event.merchantId}, ${event.type}, ${event.objectId}, ${event.version},
      greatest(${event.createdAt}, (select p.due_at from webhooks.deliveries p
        where p.endpoint_id = n.endpoint_id and p.object_id = ${event.objectId} and p.state = 'pending' and p.claimed_by is null
        order by p.version desc, p.seq desc limit 1)),
      ${event.createdAt}
    from unnest(${to.map(({ id }) => id)}::text[], ${to.map(({ endpointId }) => endpointId)}::text[]) as n (id, endpoint_id)`)
}

/** Deletes up to `limit` finished deliveries created before `before`, with their attempts. */
export const deleteDeliveries = (q: Queryable, before: Date, limit: number): Promise<number> =>
  q.run(sql`delete from webhooks.deliveries where id in (select id from webhooks.deliveries
    where state <> 'pending' and created_at < ${before} order by created_at limit ${limit})`)

/** Deletes up to `limit` events created before `before` that have no deliveries left. */
export const deleteEvents = (q: Queryable, before: Date, limit: number): Promise<number> =>
  q.run(sql`delete from webhooks.events where id in (select e.id from webhooks.events e
    where e.created_at < ${before} and not exists (select from webhooks.deliveries d where d.event_id = e.id)
    order by e.created_at limit ${limit})`)
