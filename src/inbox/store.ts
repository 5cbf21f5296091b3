import { type Queryable, sql } from '#platform/database/db'
import type { Claimed, ClaimTable } from '#platform/runtime/jobs'
import type { StoredEvent } from './types.ts'

/** All SQL on inbox.events. */

export type NewEvent = Omit<StoredEvent, 'tries' | 'claim'>

export const EVENTS: ClaimTable<Key> = {
  table: 'inbox.events',
  keyOf: ({ rail, eventKey: event_key }) => ({ rail, event_key }),
}

/**
 * Inserts events with one statement, because providers wait for the answer. Returns for each whether it is new; false
 * when it is stored already.
 */
export async function insertEvents(q: Queryable, rows: readonly NewEvent[]): Promise<boolean[]> {
  const [only, ...others] = rows
  if (only && others.length === 0) return [await insertEvent(q, only)]
  const column = <Name extends keyof NewEvent>(name: Name): NewEvent[Name][] => rows.map((row) => row[name])
  const written =
    await q.many<Key>(sql`insert into inbox.events (rail, event_key, raw, token_subject, received_at, due_at, retry_until)
    select rail, key, raw, attempt, received, received, until from unnest(${column('rail')}::text[], ${column('eventKey')}::text[],
      ${column('raw')}::bytea[], ${column('tokenSubject')}::text[], ${column('receivedAt')}::timestamptz[],
      ${column('retryUntil')}::timestamptz[]) as event (rail, key, raw, attempt, received, until)
    on conflict do nothing returning rail, event_key as "eventKey"`)
  const fresh = new Set(written.map(nameOf))
  // If a batch contains the same event twice, only the first one is new.
  return rows.map((row) => fresh.delete(nameOf(row)))
}

const nameOf = ({ rail, eventKey }: Key): string => `${rail} ${eventKey}`

async function insertEvent(q: Queryable, row: NewEvent): Promise<boolean> {
  const written =
    await q.run(sql`insert into inbox.events (rail, event_key, raw, token_subject, received_at, due_at, retry_until)
    values (${row.rail}, ${row.eventKey}, ${row.raw}, ${row.tokenSubject}, ${row.receivedAt}, ${row.receivedAt}, ${row.retryUntil})
    on conflict do nothing`)
  return written === 1
}

/** Claims due events. */
export const claimEvents = (q: Queryable, limit: number, now: Date, holder: string): Promise<StoredEvent[]> =>
  q.many(sql`update inbox.events set claimed_by = ${holder}, claim = claim + 1, tries = tries + 1 where (rail, event_key) in (
    select rail, event_key from inbox.events where state = 'new' and claimed_by is null and due_at <= ${now}
    order by due_at limit ${limit} for update skip locked)
    returning rail, event_key as "eventKey", raw, token_subject as "tokenSubject", received_at as "receivedAt",
      retry_until as "retryUntil", tries, claim`)

type Key = Pick<StoredEvent, 'rail' | 'eventKey'>

/** Closes an event, unless another instance claimed it meanwhile. */
export async function closeEvent(
  q: Queryable,
  event: Key & Claimed,
  state: 'done' | 'parked' | 'ignored',
  note: string | null,
): Promise<void> {
  await q.run(
    sql`update inbox.events set state = ${state}, note = ${note}, claimed_by = null
      where rail = ${event.rail} and event_key = ${event.eventKey} and claim = ${event.claim} and state = 'new'`,
  )
}

/** Makes an event due later, unless another instance claimed it meanwhile. */
export async function postponeEvent(q: Queryable, event: Key & Claimed, dueAt: Date, note: string): Promise<void> {
  await q.run(sql`update inbox.events set due_at = ${dueAt}, note = ${note}, claimed_by = null
    where rail = ${event.rail} and event_key = ${event.eventKey} and claim = ${event.claim} and state = 'new'`)
}

const MAX_PARKED_COUNTED = 1000

/** Returns since when the event waits that has been due longest, and the number of parked events, at most 1000. */
export const inboxState = (q: Queryable, now: Date): Promise<{ oldest: Date | null; parked: number }> =>
  q.one(sql`select
    (select due_at from inbox.events where state = 'new' and claimed_by is null and due_at <= ${now} order by due_at limit 1) as oldest,
    (select count(*)::int from (select from inbox.events where state = 'parked' limit ${MAX_PARKED_COUNTED}) counted) as parked`)

/** Deletes handled events that arrived before `before`. Pending and parked events stay. @returns number of events */
export const purgeEvents = (q: Queryable, before: Date, limit: number): Promise<number> =>
  q.run(sql`delete from inbox.events where (rail, event_key) in (
    select rail, event_key from inbox.events where received_at < ${before} and state in ('done', 'ignored')
    order by received_at limit ${limit})`)

export interface ParkedEvent {
  rail: string
  eventKey: string
  receivedAt: Date
  attemptId: string | null
  note: string | null
}

export const listParked = (q: Queryable, limit: number): Promise<ParkedEvent[]> =>
  q.many(sql`select rail, event_key as "eventKey", received_at as "receivedAt", token_subject as "attemptId", note
    from inbox.events where state = 'parked' order by received_at limit ${limit}`)

/** Finds a parked event with its raw body. */
export const findParked = (
  q: Queryable,
  { rail, eventKey }: Key,
): Promise<{ raw: Buffer; note: string | null } | undefined> =>
  q.maybe(sql`select raw, note from inbox.events where rail = ${rail} and event_key = ${eventKey} and state = 'parked'`)

/** Closes a parked event without crediting anything. Returns false when no such event is parked. */
export async function closeParked(q: Queryable, { rail, eventKey }: Key, note: string): Promise<boolean> {
  const written = await q.run(sql`update inbox.events set state = 'ignored', note = ${note}
    where rail = ${rail} and event_key = ${eventKey} and state = 'parked'`)
  return written === 1
}

/** Makes a parked event due again. Returns false when no such event is parked. */
export async function reopenEvent(q: Queryable, key: Key, now: Date, retryUntil: Date): Promise<boolean> {
  const written =
    await q.run(sql`update inbox.events set state = 'new', due_at = ${now}, retry_until = ${retryUntil}, tries = 0, note = null
    where rail = ${key.rail} and event_key = ${key.eventKey} and state = 'parked'`)
  return written === 1
}
