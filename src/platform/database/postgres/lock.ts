import type pg from 'pg'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import { openClient, type PostgresConnection } from './connection.ts'
import { codeOf } from './failures.ts'
import { findProcessStart, ownProcess } from './process.ts'

export interface OwnerLock {
  release(): Promise<void>
}

/** Any two numbers that nothing else locks: "purs" in ASCII, and the first of its kind. */
const LOCK = '1886745203, 1'
const FREE_LIMIT_MS = 10_000
const REGAIN_LIMIT_MS = 30_000

/**
 * The name of this process's sessions, such as `purser web 12345 9876543`: with its process id and start time, so that another
 * process can tell whether it still lives. On a unix socket PostgreSQL itself does not know. `role` is at most 30 characters.
 */
export const applicationName = (role: string): string => `purser ${role.slice(0, 30)} ${ownProcess(' ')}`

const isDead = (name: string): boolean => {
  const [, pid, start] = /^purser .* (\d+) (\d+)$/.exec(name) ?? []
  return pid !== undefined && findProcessStart(Number(pid)) !== start
}

/**
 * Makes this process the one that runs on the database, by an advisory lock on a session of its own. Undefined when another living
 * process is it. When PostgreSQL itself restarts, the lock is taken again; `onLost` is called if somebody else has it by then, or
 * PostgreSQL does not come back within 30 s.
 */
export async function acquireOwnerLock(
  connection: PostgresConnection,
  options: { onLost?: () => void } = {},
): Promise<OwnerLock | undefined> {
  let released = false
  let client = await takeLock(connection)
  if (!client) return undefined
  const regain = async (): Promise<void> => {
    client = undefined
    for (const began = monotonicMs(); !released && monotonicMs() - began < REGAIN_LIMIT_MS; await waitMs(250)) {
      try {
        client = await takeLock(connection)
      } catch (error) {
        // It was stopped, not restarted.
        if (codeOf(error) === 'ENOENT') break
        continue
      }
      break
    }
    if (client && !released) watch(client)
    else if (client) await client.end()
    else if (!released) options.onLost?.()
  }
  const watch = (held: pg.Client): void => void held.once('end', () => released || void regain())
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
    for (const began = monotonicMs(); monotonicMs() - began < FREE_LIMIT_MS; await waitMs(50)) {
      const { rows } = await client.query<{ got: boolean }>(`select pg_try_advisory_lock(${LOCK}) as got`)
      if (rows[0]?.got) return client
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
 * Ends the sessions whose process of ours is dead: of a program that was killed in the middle of a statement they would keep their
 * locks. Only sessions over the unix socket, so of this host, and only named by `applicationName`. Returns how many.
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
    // The name is asked again: the session may have ended, and its backend id may serve another one. Waits up to 5 s for the end.
    const { rowCount } = await client.query(
      // In the select list, not in the condition: there it would run for sessions that the condition leaves out.
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid = $1 and application_name = $2`,
      [session.pid, session.name],
    )
    ended += rowCount ?? 0
  }
  return ended
}
