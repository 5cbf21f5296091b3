import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Attempt, Delivery, DeliveryDetail, DeliveryQuery, DeliveryState } from './types.ts'
import type { AttemptRow } from './queue-store.ts'

/** SQL for deliveries as merchants see them. */

interface Row {
  id: string
  endpointId: string
  eventId: string
  type: string
  objectId: string
  state: DeliveryState
  tries: number
  dueAt: Date
  isClaimed: boolean
  lastStatus: number | null
  createdAt: Date
  finishedAt: Date | null
}

const columns = sql`d.id, d.endpoint_id as "endpointId", d.event_id as "eventId", d.type, d.object_id as "objectId", d.state, d.tries,
  d.due_at as "dueAt", d.claimed_by is not null as "isClaimed", d.last_status as "lastStatus", d.created_at as "createdAt", d.finished_at as "finishedAt"`

const toDelivery = ({ dueAt, isClaimed, lastStatus, finishedAt, ...row }: Row): Delivery => ({
  ...row,
  nextTryAt: row.state === 'pending' && !isClaimed ? dueAt : undefined,
  lastStatus: lastStatus ?? undefined,
  finishedAt: finishedAt ?? undefined,
})

export async function readDeliveries(q: Queryable, query: DeliveryQuery): Promise<Delivery[]> {
  const { endpointId, merchantId, state, limit, cursor } = query
  const rows = await q.many<Row>(sql`select ${columns} from webhooks.deliveries d
    where d.endpoint_id = ${endpointId} and d.merchant_id = ${merchantId}
      and (${state ?? null}::text is null or d.state = ${state ?? null})
      and (${cursor ?? null}::text is null or (d.created_at, d.id) <
        (select c.created_at, c.id from webhooks.deliveries c where c.id = ${cursor ?? null}))
    order by d.created_at desc, d.id desc limit ${limit}`)
  return rows.map(toDelivery)
}

interface Key {
  id: string
  merchantId: string
}

export async function readDelivery(q: Queryable, { id, merchantId }: Key): Promise<Delivery | undefined> {
  const row = await q.maybe<Row>(
    sql`select ${columns} from webhooks.deliveries d where d.id = ${id} and d.merchant_id = ${merchantId}`,
  )
  return row && toDelivery(row)
}

/** Returns the delivery's merchant. For operators, who see the deliveries of every merchant. */
export async function findDeliveryMerchant(q: Queryable, id: string): Promise<string | undefined> {
  const row = await q.maybe<{ merchantId: string }>(
    sql`select merchant_id as "merchantId" from webhooks.deliveries where id = ${id}`,
  )
  return row?.merchantId
}

const ATTEMPTS_SHOWN = 100

export async function readDetail(q: Queryable, { id, merchantId }: Key): Promise<DeliveryDetail | undefined> {
  const row = await q.maybe<Row & { body: string }>(sql`select ${columns}, e.body from webhooks.deliveries d
    join webhooks.events e on e.id = d.event_id where d.id = ${id} and d.merchant_id = ${merchantId}`)
  if (!row) return undefined
  const attempts = await q.many<AttemptRow>(
    sql`select at, ms, status, answer, error from webhooks.attempts where delivery_id = ${id} order by id desc limit ${ATTEMPTS_SHOWN}`,
  )
  const { body, ...rest } = row
  return { ...toDelivery(rest), body, attempts: attempts.map(toAttempt) }
}

const toAttempt = ({ at, ms, status, answer, error }: AttemptRow): Attempt => ({
  at,
  ms,
  status: status ?? undefined,
  answer: answer ?? undefined,
  error: error ?? undefined,
})

const resetForSending = (now: Date) => sql`state = 'pending', due_at = ${now}, failures = 0, finished_at = null`

/** Makes a delivery due now with a fresh retry schedule. Does nothing while it is being sent. */
export async function reopenDelivery(tx: Tx, id: string, now: Date): Promise<void> {
  await tx.run(sql`update webhooks.deliveries set ${resetForSending(now)} where id = ${id} and claimed_by is null`)
}

/** Reopens the deliveries in the range, oldest first. @returns their creation times */
export async function reopenDeliveries(
  tx: Tx,
  range: { endpointId: string; from: Date; to: Date; state: DeliveryState; now: Date; limit: number },
): Promise<Date[]> {
  const { endpointId, from, to, state, now, limit } = range
  const rows = await tx.many<{
    createdAt: Date
  }>(sql`update webhooks.deliveries set ${resetForSending(now)} where id in (
      select id from webhooks.deliveries
      where endpoint_id = ${endpointId} and created_at >= ${from} and created_at < ${to} and state = ${state} and claimed_by is null
      order by created_at, id limit ${limit} for update)
    returning created_at as "createdAt"`)
  return rows.map(({ createdAt }) => createdAt).toSorted((a, b) => a.getTime() - b.getTime())
}
