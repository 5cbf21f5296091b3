import type { ClientConfig } from 'pg'
import type pg from 'pg'
import { openProbe } from '../database/pooler.ts'
import { SEARCH_PATH } from './roles.ts'

export interface PooledLogin {
  /** Connection of the program through the pooler. */
  readonly app: ClientConfig
  /** Connection of the same role that bypasses the pooler. Equals `app` where there is none. */
  readonly direct: ClientConfig
  /** Whether the connections of the owner pass the pooler, too. Otherwise those of a start are none of the pooler. */
  readonly ownerPooled: boolean
  readonly connectTimeoutMs: number
}

/** A pooler gives a server connection that was ended to no client. The first try ends all that are idle. */
const TRIES = 5

/**
 * Checks that the server connections of a pooler in transaction mode have the settings of the role. Ends those that are older than the
 * settings, as the connection with which the start tried DATABASE_URL.
 * @returns false when new connections have no settings either
 */
export async function renewPooledConnections({
  app,
  direct,
  ownerPooled,
  connectTimeoutMs,
}: PooledLogin): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await withProbe(app, connectTimeoutMs, hasSettings)) return true
    // The statement can end its own connection.
    await withProbe(direct, connectTimeoutMs, (client) => client.query(END_IDLE, [ownerPooled]).catch(() => undefined))
  }
  return false
}

async function withProbe<T>(
  connection: ClientConfig,
  connectTimeoutMs: number,
  act: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await openProbe(connection, connectTimeoutMs)
  try {
    return await act(client)
  } finally {
    await client.end()
  }
}

async function hasSettings(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ set: boolean }>({ text: HAS_SETTINGS, values: [SEARCH_PATH] })
  return rows[0]?.set === true
}

const HAS_SETTINGS = `select current_setting('statement_timeout') <> '0'
  and current_setting('idle_in_transaction_session_timeout') <> '0' and current_setting('search_path') = $1 as set`
// A session with an advisory lock is no connection of a pooler in transaction mode: another instance migrates.
const END_IDLE = `select pg_terminate_backend(pid) from (
  select pid from pg_stat_activity a
  where usename = current_user and datname = current_database() and (state = 'idle' or pid = pg_backend_pid())
    and ($1 or application_name not like 'purser migrate%')
    and not exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory')
  order by pid = pg_backend_pid()) old`
