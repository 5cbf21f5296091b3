import pg from 'pg'
import { codeOf } from './failures.ts'
import type { Passwords } from './folder.ts'
import { APP, DATABASE, OWNER } from './initdb.ts'
import type { RunningServer } from './pidfile.ts'

/** Connection parameters of the server, in the shape of `pg.ClientConfig`. */
export interface PostgresConnection {
  /** Folder of the private socket. */
  host: string
  port: number
  user: string
  password: string
  database: string
}

/** Returns the connections of the owner (migrations, `npx purser db`) and of the running program. */
export function connectionsTo(
  running: RunningServer,
  passwords: Passwords,
): { owner: PostgresConnection; app: PostgresConnection } {
  const endpoint = { host: running.socketDir, port: 5432, database: DATABASE }
  return {
    owner: { ...endpoint, user: OWNER, password: passwords.owner },
    app: { ...endpoint, user: APP, password: passwords.app },
  }
}

/** Returns the server version. A result proves that the server runs and accepts the password. */
export async function queryVersion(connection: PostgresConnection): Promise<string> {
  const client = await openClient(connection, 'purser start')
  try {
    const { rows } = await client.query<{ version: string }>(`select current_setting('server_version') as version`)
    return rows[0]?.version ?? ''
  } finally {
    await client.end()
  }
}

/** Opens a dedicated connection. Ignores errors of the idle connection; callers that need them listen to `end`. */
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

/** Returns whether a connection failed because no server listens on the socket, or because the socket file is missing. */
export const isSocketUnavailable = (error: unknown): boolean => ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error))
