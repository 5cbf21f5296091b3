import type pg from 'pg'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import { openClient, type PostgresConnection } from './connection.ts'
import { codeOf } from './failures.ts'
import { findProcessStart, identifyProcess } from '../../base/processes.ts'

export interface OwnerLock {
  release(): Promise<void>
}

/** Advisory lock key: "purs" in ASCII, and 1. Nothing else locks these two numbers. */
const LOCK = '1886745203, 1'
const ACQUIRE_LIMIT_MS = 10_000
const REACQUIRE_LIMIT_MS = 30_000

/**
 * Returns the application_name of this process's sessions, such as `purser web 12345 9876543`. It contains process id and start time,
 * so that another process can check whether this one still runs. On a unix socket PostgreSQL cannot know. `role` is cut to 30 characters.
 */
export const applicationName = (role: string): string => `purser ${role.slice(0, 30)} ${identifyProcess(' ')}`

const isDead = (name: string): boolean => {
  const [, pid, start] = /^purser .* (\d+) (\d+)$/.exec(name) ?? []
  return pid !== undefined && findProcessStart(Number(pid)) !== start
}

/**
 * Acquires the advisory lock of the one process that may run on this database, on a dedicated session. Returns undefined when another
 * running process holds it. Reacquires the lock after a restart of PostgreSQL. Calls `onLockLost` if another process holds the lock by
 * then, or if PostgreSQL is not back within 30 s. With `revive`, which starts a server that has ended, it tries without a limit until
 * `revive` returns false.
 */
export async function acquireOwnerLock(
  connection: PostgresConnection,
  options: { onLockLost?: () => void; revive?: () => Promise<boolean> } = {},
): Promise<OwnerLock | undefined> {
  let released = false
  let client = await takeLock(connection)
  if (!client) return undefined
  const reacquire = async (): Promise<void> => {
    client = undefined
    const startedAtMs = monotonicMs()
    const { revive } = options
    for (; !released && (revive || monotonicMs() - startedAtMs < REACQUIRE_LIMIT_MS); await waitMs(250)) {
      if (revive && !(await revive())) break
      try {
        client = await takeLock(connection)
      } catch (error) {
        // A missing socket means that PostgreSQL was stopped, not restarted.
        if (!revive && codeOf(error) === 'ENOENT') break
        continue
      }
      break
    }
    if (client && !released) watch(client)
    else if (client) await client.end()
    else if (!released) options.onLockLost?.()
  }
  const watch = (held: pg.Client): void => void held.once('end', () => released || void reacquire())
  watch(client)
  return {
    release: async () => {
      released = true
      await client?.end()
    },
  }
}

async function takeLock(connection: PostgresConnection): Promise<pg.Client | undefined> {
  const client = await openClient(connection, applicationName('lock'))
  try {
    const startedAtMs = monotonicMs()
    for (; monotonicMs() - startedAtMs < ACQUIRE_LIMIT_MS; await waitMs(50)) {
      const { rows } = await client.query<{ acquired: boolean }>(`select pg_try_advisory_lock(${LOCK}) as acquired`)
      if (rows[0]?.acquired) return client
      const holder = await findHolder(client)
      if (holder !== undefined && !isDead(holder)) break
      await endDead(client)
    }
  } catch (error) {
    await client.end()
    throw error
  }
  await client.end()
  return undefined
}

async function findHolder(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(
    `select a.application_name as name from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and l.database = (select oid from pg_database where datname = current_database())
        and (l.classid, l.objid) = (${LOCK}) and l.objsubid = 2 limit 1`,
  )
  return rows[0]?.name
}

/**
 * Terminates the sessions of dead Purser processes. The session of a process that was killed during a statement would keep its locks.
 * Only sessions over the unix socket (so on this host) and named by `applicationName` are terminated. Returns their number.
 */
export async function endDeadSessions(connection: PostgresConnection): Promise<number> {
  const client = await openClient(connection, applicationName('cleanup'))
  try {
    return await endDead(client)
  } finally {
    await client.end()
  }
}

async function endDead(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number; name: string }>(
    `select pid, application_name as name from pg_stat_activity
      where backend_type = 'client backend' and client_port = -1 and application_name like 'purser %' limit 1000`,
  )
  let ended = 0
  for (const session of rows.filter(({ name }) => isDead(name))) {
    // Compare the name again: the session may have ended and its backend id may belong to another session. Wait up to 5 s for the end.
    const { rowCount } = await client.query(
      // Call it in the select list. In the condition it could run for sessions that the other conditions exclude.
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid = $1 and application_name = $2`,
      [session.pid, session.name],
    )
    ended += rowCount ?? 0
  }
  return ended
}
