import { monotonicMs, waitMs } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import {
  rawSql,
  sql,
  sqlState,
  type Db,
  type Queryable,
  type Session,
  type TransactionOptions,
  type Tx,
} from '../db.ts'

/** Advisory locks. One session holds each of the first two; the third orders contract migrations and starting instances. */
export const LOCKS = { migrate: 7_305_001, background: 7_305_006, contract: 7_305_007 } as const

export interface LockOptions {
  /** Receives one line for each wait. */
  readonly log?: ((line: string) => void) | undefined
  /** Milliseconds that a statement waits for a lock on a table. Requests that use the table queue behind it for as long. Default: 3 s. */
  readonly lockTimeoutMs?: number | undefined
  /** Milliseconds after which a migration that gets no lock fails. Default: 10 minutes. */
  readonly giveUpMs?: number | undefined
  /** Ends the migrations: their connection, and a wait for a retry. */
  readonly signal?: AbortSignal | undefined
}

const LOCK_TIMEOUT_MS = 3_000
const GIVE_UP_MS = 10 * 60_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 20_000
const POLL_MS = 200
/** Time that an instance waits for its turn to change rights or state. */
const TURN_MS = 30_000
const REPORT_EVERY_MS = 30_000

/** Takes an advisory lock for the rest of the session if no other session holds it. */
export const tryLock = async (q: Queryable, key: number): Promise<boolean> =>
  (await q.one<{ locked: boolean }>(sql`select pg_try_advisory_lock(${key}::bigint) as locked`)).locked

/**
 * Takes an advisory lock, polling for it. A session that waits inside `pg_advisory_lock` keeps a snapshot, for which
 * `create index concurrently` of the holder waits: a deadlock.
 */
export async function pollLock(q: Queryable, key: number, { log }: Pick<LockOptions, 'log'> = {}): Promise<void> {
  for (let reportAt = 0; !(await tryLock(q, key)); await waitMs(POLL_MS)) {
    if (monotonicMs() < reportAt) continue
    reportAt = monotonicMs() + REPORT_EVERY_MS
    log?.(`Another instance migrates the database; waiting for it. ${describe(await listHolders(q, key))}`)
  }
}

/**
 * Runs a transaction that holds an advisory lock. Polls for the lock in short transactions: one that waits inside
 * `pg_advisory_xact_lock` keeps a snapshot, for which `create index concurrently` of the holder waits. Throws `platform.database-busy`
 * when another session holds the lock for too long.
 */
export const transactLocked = <T>(
  db: Db,
  key: number,
  act: (tx: Tx) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> =>
  pollTurn(db, key, () =>
    db.transaction(async (tx) => {
      const { locked } = await tx.one<{ locked: boolean }>(
        sql`select pg_try_advisory_xact_lock(${key}::bigint) as locked`,
      )
      return locked ? { result: await act(tx) } : undefined
    }, options),
  )

/** Waits until no other session holds an advisory lock alone. Polls for it, as `transactLocked` does. */
export const awaitUnlocked = (q: Queryable, key: number): Promise<boolean> =>
  pollTurn(q, key, async () => {
    const { free } = await q.one<{ free: boolean }>(
      sql`select pg_try_advisory_xact_lock_shared(${key}::bigint) as free`,
    )
    return free ? { result: free } : undefined
  })

async function pollTurn<T>(q: Queryable, key: number, attempt: () => Promise<{ result: T } | undefined>): Promise<T> {
  const from = monotonicMs()
  for (;;) {
    const done = await attempt()
    if (done) return done.result
    if (monotonicMs() - from > TURN_MS) throw databaseBusy(describe(await listHolders(q, key)))
    await waitMs(POLL_MS)
  }
}

const databaseBusy = (holders: string): AppError =>
  new AppError(
    'platform.database-busy',
    503,
    `Another instance changes the database and does not end. ${holders} Wait for it or end it, then try again.`,
  )

/** Sets the time that the statements of a session, or of a transaction, wait for a lock. */
export const setLockTimeout = (
  q: Queryable,
  scope: 'session' | 'local',
  { lockTimeoutMs = LOCK_TIMEOUT_MS }: LockOptions,
): Promise<number> => q.run(rawSql(`set ${scope} lock_timeout = ${Math.round(lockTimeoutMs)}`))

/** The session that waits for locks, seen from another connection. */
export interface Waiter {
  readonly observer: Queryable
  /** Returns the process id of the waiting session. Undefined before it is open. */
  pid(): number | undefined
}

export const waiterOf = (observer: Queryable, { pid }: Session): Waiter => ({ observer, pid: () => pid })

/**
 * Runs `act` and repeats it when it got a lock too late, with growing pauses in which it must hold no lock. Logs which sessions block
 * it. Throws `platform.migration-blocked` when it is blocked for too long.
 */
export async function retryLocks<T>(
  waiter: Waiter,
  { name, ...options }: LockOptions & { readonly name: string },
  act: () => Promise<T>,
): Promise<T> {
  const { log, giveUpMs = GIVE_UP_MS, signal } = options
  const from = monotonicMs()
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const watch = watchBlockers(waiter, name, options)
    try {
      return await act()
    } catch (error) {
      if (!isLockConflict(error)) throw error
      const blockers = describe(watch.latest())
      if (monotonicMs() - from > giveUpMs || signal?.aborted) throw migrationBlocked(name, blockers, error)
      log?.(`${name} did not get its lock and released what it held. ${blockers} Next try in ${pauseMs / 1000} s.`)
    } finally {
      await watch.stop()
    }
    await waitMs(pauseMs, signal)
  }
}

/** Returns whether a statement waited too long for a lock, or was the victim of a deadlock. */
const isLockConflict = (error: unknown): boolean => ['55P03', '40P01'].includes(sqlState(error) ?? '')

const migrationBlocked = (name: string, blockers: string, cause: unknown): AppError =>
  new AppError(
    'platform.migration-blocked',
    500,
    `${name} got no lock, because other sessions use the table. ${blockers} End these sessions, then start again; nothing was changed.`,
    { cause },
  )

interface Blocker {
  readonly pid: number
  readonly application: string | null
  readonly state: string | null
  readonly querySeconds: number | null
  readonly transactionSeconds: number | null
}

const BLOCKER = sql`a.pid, a.application_name as application, a.state,
  extract(epoch from clock_timestamp() - a.query_start)::int as "querySeconds",
  extract(epoch from clock_timestamp() - a.xact_start)::int as "transactionSeconds"`

const listBlockers = (q: Queryable, pid: number): Promise<Blocker[]> =>
  q.many(sql`select ${BLOCKER} from pg_stat_activity a where a.pid = any(pg_blocking_pids(${pid}::int)) limit 10`)

const listHolders = (q: Queryable, key: number): Promise<Blocker[]> =>
  q.many(sql`select ${BLOCKER} from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.objid = ${key}::bigint::oid
      and l.database = (select oid from pg_database where datname = current_database()) limit 10`)

/** Describes sessions without their statements, which can contain data. */
function describe(blockers: readonly Blocker[]): string {
  if (blockers.length === 0) return 'The blocking session is not known.'
  const each = blockers.map(({ pid, application, state, querySeconds, transactionSeconds }) => {
    const ages = [
      querySeconds !== null && `last statement began ${querySeconds} s ago`,
      transactionSeconds !== null && `transaction open for ${transactionSeconds} s`,
    ]
    return [`pid ${pid}`, application || 'no application name', state, ...ages].filter(Boolean).join(', ')
  })
  return `Blocked by ${each.join('; ')}.`
}

/** Watches from another connection which sessions block a session. Logs them when they block it for long. */
function watchBlockers(
  { observer, pid }: Waiter,
  name: string,
  { log, lockTimeoutMs = LOCK_TIMEOUT_MS }: LockOptions,
): { latest(): readonly Blocker[]; stop(): Promise<void> } {
  const stopped = new AbortController()
  let latest: readonly Blocker[] = []
  const watch = async (): Promise<void> => {
    let reportAt = monotonicMs() + REPORT_EVERY_MS
    while (!stopped.signal.aborted) {
      await waitMs(Math.min(lockTimeoutMs / 3, 1_000), stopped.signal)
      if (stopped.signal.aborted) return
      // A failed look must not fail the migration.
      const found = await listBlockers(observer, pid() ?? 0).catch(() => [])
      if (found.length > 0) latest = found
      if (found.length === 0 || monotonicMs() < reportAt) continue
      reportAt = monotonicMs() + REPORT_EVERY_MS
      log?.(`${name} waits. ${describe(found)}`)
    }
  }
  const watching = watch()
  return {
    latest: () => latest,
    stop: async () => {
      stopped.abort()
      await watching
    },
  }
}

/** Runs the statements of migrations on one session, which holds the lock of the migrations or of the background steps. */
export interface Runner extends LockOptions {
  readonly session: Session
  /** Repeats `act` until it gets its locks. See `retryLocks`. */
  retry<T>(name: string, act: () => Promise<T>): Promise<T>
}
