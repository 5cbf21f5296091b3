import { addMs, type Clock } from '#platform/base/clock'
import { sql, type Db, type Queryable } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import type { Ids } from '#platform/base/ids'
import type { DueQueue } from '#platform/runtime/jobs'

/** `prompt`, `callback`, `event`, `session`, `refund`, and those of the simulators, which begin with their name. */
export type TimerKind = string

export interface Timer {
  readonly id: string
  readonly kind: TimerKind
  /** What it is about: a prompt, an address, a session. */
  readonly subject: string
  readonly body: string
  /** How often it ran, this time included. */
  readonly tries: number
}

/** When to run again; undefined when it is done. */
export type TimerHandler = (timer: Timer) => Promise<Date | undefined>

/** Longer than a delivery may take, so that no two processes deliver the same at once. */
const LEASE_MS = 60_000
const AT_ONCE = 16
/** A simulated phone answers within a second: an idle look each 200 ms is quick enough and cheap. */
const IDLE_MS = 200

export async function addTimer(
  q: Queryable,
  ids: Ids,
  timer: { kind: TimerKind; subject: string; body?: string; dueAt: Date },
): Promise<void> {
  const { kind, subject, body = '', dueAt } = timer
  await q.run(sql`insert into sandbox.timers (id, kind, subject, body, due_at)
    values (${ids.uuid()}, ${kind}, ${subject}, ${body}, ${dueAt})`)
}

/** A timer that ended by itself. True for the one caller who may act on it. */
export async function takeTimer(q: Queryable, id: string): Promise<boolean> {
  return (await q.run(sql`delete from sandbox.timers where id = ${id}`)) > 0
}

export function createTimerQueue(deps: {
  db: Db
  clock: Clock
  handlers: Readonly<Record<TimerKind, TimerHandler>>
}): DueQueue<Timer> {
  const { db, handlers } = deps
  return {
    name: 'sandbox.timers',
    concurrency: AT_ONCE,
    batch: AT_ONCE,
    idleMs: IDLE_MS,
    claim: (limit, now) =>
      db.many<Timer>(sql`update sandbox.timers set due_at = ${addMs(now, LEASE_MS)}, tries = tries + 1
        where id in (select id from sandbox.timers where due_at <= ${now} order by due_at limit ${limit} for update skip locked)
        returning id, kind, subject, body, tries`),
    // A look before its time changes nothing.
    releaseClaims: (now) =>
      db.run(
        sql`update sandbox.timers set due_at = ${now} where due_at > ${now} and due_at <= ${addMs(now, LEASE_MS)}`,
      ),
    handle: async (timer) => {
      const handler = handlers[timer.kind]
      invariant(handler, `a timer of the kind ${timer.kind} has a handler`)
      const again = await handler(timer)
      if (again) await db.run(sql`update sandbox.timers set due_at = ${again} where id = ${timer.id}`)
      else await takeTimer(db, timer.id)
    },
  }
}
