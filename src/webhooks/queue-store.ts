import { sql, type Queryable } from '#platform/database/db'
import type { ClaimTable } from '#platform/runtime/jobs'

/** SQL for deliveries as a queue. */

export const DELIVERIES: ClaimTable<{ id: string }> = { table: 'webhooks.deliveries', keyOf: ({ id }) => ({ id }) }

export interface Claimed {
  id: string
  eventId: string
  endpointId: string
  merchantId: string
  /** Number of this claim. A sender with a lower number has lost its claim. */
  claim: bigint
  /** Number of this attempt. */
  tries: number
  failures: number
  createdAt: Date
  body: string
  url: string
  /** True: the endpoint is neither disabled nor deleted. */
  active: boolean
  failingSince: Date | null
  /** Encrypted with the master key, newest first. */
  secrets: string[]
}

export interface Claim {
  limit: number
  now: Date
  holder: string
  /** Deliveries that this process is sending now, by endpoint. */
  busy: ReadonlyMap<string, number>
  /** Endpoints whose last response was slow. They get the concurrency of failing endpoints. */
  slow: readonly string[]
  /** Maximum concurrent deliveries to a working and to a failing endpoint. */
  places: { working: number; failing: number }
}

/** Endpoints with pending deliveries, found by a loose index scan: one step per endpoint, however much waits. */
const waiting = sql`waiting (id) as (
  (select endpoint_id from webhooks.deliveries where state = 'pending' and claimed_by is null order by endpoint_id limit 1)
  union all
  select (select d.endpoint_id from webhooks.deliveries d where d.state = 'pending' and d.claimed_by is null and d.endpoint_id > w.id
    order by d.endpoint_id limit 1)
  from waiting w where w.id is not null)`

/**
 * Claims due deliveries, taking turns between endpoints, oldest first within each. An endpoint gets at most its free slots, so that it
 * cannot take all capacity. Per object and endpoint only the first delivery is claimed, and only while no other one is being sent.
 */
export const claimDeliveries = (q: Queryable, { limit, now, holder, busy, slow, places }: Claim): Promise<Claimed[]> =>
  q.many(sql`with recursive ${waiting},
    picked as (
      select due.id from waiting w
      join webhooks.endpoints e on e.id = w.id
      left join unnest(${[...busy.keys()]}::text[], ${[...busy.values()]}::int[]) as b (id, count) on b.id = w.id
      cross join lateral (
        select d.id, d.due_at, d.seq from webhooks.deliveries d
        where d.endpoint_id = w.id and d.state = 'pending' and d.claimed_by is null and d.due_at <= ${now}
          and not exists (select from webhooks.deliveries p
            where p.endpoint_id = d.endpoint_id and p.object_id = d.object_id and p.state = 'pending' and p.id <> d.id
              and ((p.version, p.seq) < (d.version, d.seq) or p.claimed_by is not null))
        order by d.due_at, d.seq
        limit greatest(0, case when e.failing_since is null and w.id <> all(${slow}) then ${places.working}::int else ${places.failing}::int end - coalesce(b.count, 0))
        for update of d skip locked) due
      order by row_number() over (partition by w.id order by due.due_at, due.seq) + coalesce(b.count, 0), due.due_at, due.seq
      limit ${limit})
    update webhooks.deliveries d set tries = d.tries + 1, claimed_by = ${holder}, claim = d.claim + 1
    from picked, webhooks.events v, webhooks.endpoints e
    where d.id = picked.id and v.id = d.event_id and e.id = d.endpoint_id
    returning d.id, d.event_id as "eventId", d.endpoint_id as "endpointId", d.merchant_id as "merchantId", d.claim, d.tries, d.failures,
      d.created_at as "createdAt", v.body, e.url, e.disabled_at is null and e.deleted_at is null as active,
      e.failing_since as "failingSince",
      array(select s.sealed from webhooks.secrets s where s.endpoint_id = d.endpoint_id and (s.ends_at is null or s.ends_at > ${now})
        order by s.id desc) as secrets`)

/** Returns whether no other instance claimed the delivery meanwhile. */
export const holdsDelivery = async (q: Queryable, { id, claim }: Sent, holder: string): Promise<boolean> =>
  (await q.maybe(
    sql`select 1 as held from webhooks.deliveries where id = ${id} and claim = ${claim} and claimed_by = ${holder}`,
  )) !== undefined

/** Releases a delivery that was not sent, without counting an attempt. */
export const releaseDelivery = (q: Queryable, { id, claim }: Sent): Promise<number> =>
  q.run(sql`update webhooks.deliveries set claimed_by = null, tries = tries - 1 where id = ${id} and claim = ${claim}`)

export interface AttemptRow {
  at: Date
  ms: number
  status: number | null
  answer: string | null
  error: string | null
}

type Sent = Pick<Claimed, 'id' | 'endpointId' | 'claim'>

/**
 * Records the attempt, ends the delivery unless a later claim took it, updates the endpoint's health, and unblocks the deliveries of the
 * same object that wait behind it. A failure of a lost claim says nothing about the endpoint: the sender may have been frozen during the
 * call. One prepared statement.
 */
export async function recordFinalAttempt(
  q: Queryable,
  sent: Sent,
  { state, attempt, now }: { state: 'succeeded' | 'failed'; attempt: AttemptRow; now: Date },
): Promise<void> {
  const works = state === 'succeeded'
  const { at, ms, status, answer, error } = attempt
  await q.run(sql`with attempt as (
      insert into webhooks.attempts (delivery_id, at, ms, status, answer, error)
      values (${sent.id}, ${at}, ${ms}, ${status}, ${answer}, ${error})),
    own as (update webhooks.deliveries set state = ${state}, claimed_by = null, finished_at = ${now}, last_status = ${status},
        failures = failures + case when ${works}::bool then 0 else 1 end
      where id = ${sent.id} and claim = ${sent.claim} and state = 'pending' returning endpoint_id, object_id, version, seq),
    marked as (update webhooks.endpoints set failing_since = case when ${works}::bool then null else ${now}::timestamptz end
      where id = ${sent.endpointId} and (failing_since is not null) = ${works}::bool and (${works}::bool or exists (select from own)))
    update webhooks.deliveries d set due_at = ${now} from own
    where d.endpoint_id = own.endpoint_id and d.object_id = own.object_id and d.state = 'pending' and d.claimed_by is null
      and (d.version, d.seq) > (own.version, own.seq) and d.due_at > ${now}`)
}

/**
 * Records the attempt and postpones the delivery, and those waiting behind it, to the next attempt. Unless the claim is lost, marks the
 * endpoint as failing.
 */
export async function recordRetry(
  q: Queryable,
  sent: Sent,
  { attempt, dueAt, now }: { attempt: AttemptRow; dueAt: Date; now: Date },
): Promise<void> {
  const { at, ms, status, answer, error } = attempt
  await q.run(sql`with attempt as (
      insert into webhooks.attempts (delivery_id, at, ms, status, answer, error)
      values (${sent.id}, ${at}, ${ms}, ${status}, ${answer}, ${error})),
    own as (update webhooks.deliveries set due_at = ${dueAt}, claimed_by = null, failures = failures + 1, last_status = ${status}
      where id = ${sent.id} and claim = ${sent.claim} and state = 'pending' returning endpoint_id, object_id, version, seq),
    marked as (update webhooks.endpoints set failing_since = ${now}
      where id = ${sent.endpointId} and failing_since is null and exists (select from own))
    update webhooks.deliveries d set due_at = ${dueAt} from own
    where d.endpoint_id = own.endpoint_id and d.object_id = own.object_id and d.state = 'pending' and d.claimed_by is null
      and (d.version, d.seq) > (own.version, own.seq) and d.due_at < ${dueAt}`)
}

/** Closes the pending deliveries of a disabled or deleted endpoint. @returns how many */
export const closePendingDeliveries = (
  q: Queryable,
  { endpointId, state, now }: { endpointId: string; state: 'failed' | 'canceled'; now: Date },
): Promise<number> =>
  q.run(sql`update webhooks.deliveries set state = ${state}, claimed_by = null, finished_at = ${now}
    where endpoint_id = ${endpointId} and state = 'pending'`)

/** Returns the due time of the oldest due delivery to a working endpoint. */
export const findOldestDue = async (q: Queryable, now: Date): Promise<Date | undefined> =>
  (
    await q.one<{ oldest: Date | null }>(sql`with recursive ${waiting}
      select min(due.due_at) as oldest from waiting w
      join webhooks.endpoints e on e.id = w.id and e.failing_since is null
      cross join lateral (select d.due_at from webhooks.deliveries d
        where d.endpoint_id = w.id and d.state = 'pending' and d.claimed_by is null and d.due_at <= ${now} order by d.due_at limit 1) due`)
  ).oldest ?? undefined

/** Finds deliveries marked as succeeded without an attempt that got a 2xx response. */
export const listDeliveredWithoutAnswer = (q: Queryable): Promise<{ id: string }[]> =>
  q.many(sql`select d.id from webhooks.deliveries d where d.state = 'succeeded'
    and not exists (select from webhooks.attempts a where a.delivery_id = d.id and a.status between 200 and 299) limit 20`)

/** Finds events without a delivery. Skips events older than 29 days, whose deliveries may have been purged. */
export const listUndelivered = (q: Queryable): Promise<{ id: string }[]> =>
  q.many(sql`select e.id from webhooks.events e
    where not exists (select from webhooks.deliveries d where d.event_id = e.id)
      and e.created_at > (select max(created_at) - interval '29 days' from webhooks.events) limit 20`)
