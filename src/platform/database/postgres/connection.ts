import pg from 'pg'
import { codeOf } from './failures.ts'
import type { Passwords } from './folder.ts'
import { APP, DATABASE, OWNER } from './initdb.ts'
import type { Running } from './pidfile.ts'

/** How to reach the server; goes to `pg` as it is. */
export interface PostgresConnection {
  /** The folder of the private socket. */
  host: string
  port: number
  user: string
  password: string
  database: string
}

/** The connections of the owner (migrations, `purser db`) and of the running program. */
export function connectionsTo(
  running: Running,
  passwords: Passwords,
): { owner: PostgresConnection; app: PostgresConnection } {
  const place = { host: running.socketDir, port: 5432, database: DATABASE }
  return {
    owner: { ...place, user: OWNER, password: passwords.owner },
    app: { ...place, user: APP, password: passwords.app },
  }
}

/** The connection as a URL that pg, libpq and their kin understand. It holds the password. */
export const postgresUrl = (c: PostgresConnection): string =>
  `postgresql://${encodeURIComponent(c.user)}:${encodeURIComponent(c.password)}@${encodeURIComponent(c.host)}:${c.port}/${encodeURIComponent(c.database)}`

/** Connects, asks for the version and leaves: the proof that the server is there, is ours and knows our password. */
export async function askVersion(connection: PostgresConnection): Promise<string> {
  const client = await openClient(connection, 'purser start')
  try {
    const { rows } = await client.query<{ version: string }>(`select current_setting('server_version') as version`)
    return rows[0]?.version ?? ''
  } finally {
    await client.end()
  }
}

/** A connection of its own. Its errors while idle are the business of whoever listens to `end`. */
export async function openClient(connection: PostgresConnection, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    query_timeout: 30_000,
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Nobody listens on the socket any more, or it was removed. */
export const isSocketGone = (error: unknown): boolean => ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error))
