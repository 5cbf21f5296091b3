import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { AppError } from '../base/errors.ts'

/** A connection pooler between Purser and PostgreSQL, such as PgBouncer. */
export interface Pooler {
  /** `transaction`: each transaction may run on another server connection. */
  readonly mode: 'none' | 'session' | 'transaction'
  /** Whether the pooler keeps prepared statements across server connections. */
  readonly keepsStatements: boolean
}

export const NO_POOLER: Pooler = { mode: 'none', keepsStatements: true }

export interface PoolerOptions {
  /** DATABASE_POOLER. */
  readonly declared?: 'session' | 'transaction' | undefined
  readonly connectTimeoutMs: number
}

/** Tries in which two clients may meet on one server connection. A busy pooler gives them different ones at times. */
const TRIES = 20
const QUERY_LIMIT_MS = 5_000

/**
 * Finds out whether a pooler stands between this connection and PostgreSQL, and how Purser must use it. A pooler is assumed to be in
 * transaction mode unless session mode is declared. Throws `platform.pooler-mode` when two clients share a server connection although
 * session mode is declared.
 */
export async function recognizePooler(connection: pg.ClientConfig, options: PoolerOptions): Promise<Pooler> {
  const open = (): Promise<pg.Client> => openProbe(connection, options.connectTimeoutMs)
  const clients = [await open()]
  try {
    const [first] = clients
    if (!first || (options.declared !== 'transaction' && !(await isPooled(first)))) return NO_POOLER
    const second = await open()
    clients.push(second)
    if (options.declared !== 'session') {
      return { mode: 'transaction', keepsStatements: await keepsStatements(first, second) }
    }
    if (!(await shareBackend(first, second))) return { mode: 'session', keepsStatements: true }
    throw new AppError(
      'platform.pooler-mode',
      500,
      'DATABASE_POOLER=session is set, but the pooler of DATABASE_URL gives one server connection to several clients. Set DATABASE_POOLER=transaction, or change the mode of the pooler.',
    )
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}

/** Opens a connection without start-up parameters, which PgBouncer refuses. Ignores errors while it is idle. */
export async function openProbe(connection: pg.ClientConfig, connectTimeoutMs: number): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: 'purser probe',
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: QUERY_LIMIT_MS,
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Returns whether a pooler answers. It gives its clients a process id of its own, for cancel requests. */
export const isPooled = async (client: pg.Client): Promise<boolean> => processIdOf(client) !== (await backendOf(client))

// The types of pg omit the field, which holds the process id that the server sent at the start of the session.
const processIdOf = (client: pg.Client): number | null => (client as unknown as { processID: number | null }).processID

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid ?? 0
}

/** Returns whether two open clients meet on one server connection. In session mode each has its own, and the second may have to wait for one. */
async function shareBackend(first: pg.Client, second: pg.Client): Promise<boolean> {
  const seen = new Set([await backendOf(first)])
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const other = await backendOf(second).catch((error: unknown) => {
      // The pooler has no second server connection for a client, so the first one keeps its own.
      if (error instanceof Error && error.message === 'Query read timeout') return undefined
      throw error
    })
    if (other === undefined) return false
    if (seen.has(other)) return true
    seen.add(await backendOf(first))
    if (seen.size > 1) return true
  }
  return false
}

/**
 * Returns whether the pooler keeps a prepared statement apart from another client's statement of the same name. PgBouncer does from 1.21 on,
 * with `max_prepared_statements`. False when the two clients never met on one server connection.
 */
async function keepsStatements(first: pg.Client, second: pg.Client): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const name = `purser_probe_${randomBytes(8).toString('hex')}`
    const run = async (client: pg.Client, who: string) => {
      const text = `select '${who}' as who, pg_backend_pid() as pid`
      return (await client.query<{ who: string; pid: number }>({ name, text })).rows[0]
    }
    try {
      const pid = (await run(first, 'first'))?.pid
      const met = (await run(second, 'second'))?.pid === pid
      const again = await run(first, 'first')
      if (met && again?.pid === pid) return again?.who === 'first'
      if (again?.who !== 'first') return false
    } catch (error) {
      if (error instanceof pg.DatabaseError && ['42P05', '26000', '0A000'].includes(error.code ?? '')) return false
      throw error
    } finally {
      await deallocate(first, name)
    }
  }
  return false
}

/** Removes the statement from the server connection that the client gets. Statements on others end with them. */
const deallocate = (client: pg.Client, name: string): Promise<unknown> =>
  client.query(`deallocate ${name}`).catch(() => undefined)
