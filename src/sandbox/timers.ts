import type { Clock } from '#platform/base/clock'
import { sql, type Db, type Queryable } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import type { Ids } from '#platform/base/ids'
import type { ClaimTable, DueQueue } from '#platform/runtime/jobs'

/** `prompt`, `callback`, `event`, `session`, `refund`, or a kind of a simulator, which starts with its name. */
export type TimerKind = string

export interface Timer {
  readonly id: string
  readonly kind: TimerKind
  /** Object of the timer: a prompt, a URL, a session. */
  readonly subject: string
  readonly body: string
  /** Number of runs, including this one. */
  readonly tries: number
  readonly claim: bigint
}

/** Returns the time of the next run. Undefined when the timer is done. */
export type TimerHandler = (timer: Timer) => Promise<Date | undefined>

const TIMERS: ClaimTable<{ id: string }> = { table: 'sandbox.timers', keyOf: ({ id }) => ({ id }) }
const CONCURRENCY = 16
/** Poll interval. A simulated phone answers within a second, so 200 ms is fast enough and cheap. */
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

/** Deletes the timer. Returns true for the one caller that may run it. */
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
    concurrency: CONCURRENCY,
    batch: CONCURRENCY,
    idleMs: IDLE_MS,
    claims: TIMERS,
    claim: (limit, now, holder) =>
      db.many<Timer>(sql`update sandbox.timers set claimed_by = ${holder}, claim = claim + 1, tries = tries + 1
        where id in (select id from sandbox.timers where due_at <= ${now} and claimed_by is null
          order by due_at limit ${limit} for update skip locked)
        returning id, kind, subject, body, tries, claim`),
    handle: async (timer) => {
      const handler = handlers[timer.kind]
      invariant(handler, `a timer of the kind ${timer.kind} has a handler`)
      const again = await handler(timer)
      const { id, claim } = timer
      if (again)
        await db.run(
          sql`update sandbox.timers set due_at = ${again}, claimed_by = null where id = ${id} and claim = ${claim}`,
        )
      else await db.run(sql`delete from sandbox.timers where id = ${id} and claim = ${claim}`)
    },
  }
}
