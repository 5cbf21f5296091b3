import pg from 'pg'
import { monotonicMs, waitMs } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { isTooManyConnections, WRONG_ROLE } from './failures.ts'
import type { Pooler } from './pooler.ts'

/** Opens connections, and keeps those of the pool. */
export interface Connections {
  readonly pool: pg.Pool
  /** Returns a connection of the pool. While the server has no room for more connections it waits for one that is open. */
  acquire(): Promise<pg.PoolClient>
  /** Opens a connection beside the pool. */
  open(): Promise<pg.Client>
  close(): Promise<void>
}

export interface ConnectionsOptions {
  readonly connection: pg.ClientConfig
  readonly max: number
  readonly min: number
  readonly idleMs: number
  readonly expectedUser: string | undefined
  readonly pooler: Pooler
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly onError: (error: Error) => void
  /** Runs on each new connection of the pool before its first use. */
  readonly prepare?: (client: pg.ClientBase) => Promise<void>
}

/** PostgreSQL ends a transaction that waits for its client for longer, as after a SIGSTOP, so that its locks do not stay. */
export const IDLE_IN_TRANSACTION_MS = 30_000
/** Idle time before the first TCP keepalive probe. Node sends ten probes, one a second, so a lost host is noticed after 15 s. */
const KEEPALIVE_DELAY_MS = 5_000
/** Time for which the pool opens no more connections than the server last accepted. */
const SHRUNK_MS = 5_000
const MIN_RETRY_MS = 50
const MAX_RETRY_MS = 1_000
/** Time that closing waits for the server. A lost server never answers. */
const CLOSE_MS = 5_000

export function openConnections(options: ConnectionsOptions): Connections {
  const { connectTimeoutMs, max, onError } = options
  const config: pg.ClientConfig = {
    ...options.connection,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
  }
  const check = createCheck(options)
  const pool = new pg.Pool({
    ...config,
    max,
    min: options.min,
    idleTimeoutMillis: options.idleMs,
    // The pool waits for the promise that the types omit.
    onConnect: (client) => check(client).then(() => options.prepare?.(client)) as unknown as void,
  })
  const established = new Set<pg.PoolClient>()
  pool.on('error', onError)
  pool.on('connect', (client) => {
    established.add(client)
    // The pool handles errors of idle clients only. An unhandled error of a client in a transaction would end the process.
    client.on('error', onError)
  })
  pool.on('remove', (client) => established.delete(client))

  const acquire = createAcquire(pool, established, options)
  return {
    pool,
    acquire,
    open: async () => {
      const client = new pg.Client(config)
      client.on('error', onError)
      await client.connect()
      try {
        await check(client)
      } catch (error) {
        void client.end()
        throw error
      }
      return client
    },
    close: async () => {
      const waiting = new AbortController()
      try {
        await Promise.race([pool.end(), waitMs(CLOSE_MS, waiting.signal)])
      } finally {
        waiting.abort()
      }
      for (const client of established) client.connection.stream.destroy()
    },
  }
}

/** Creates `acquire`. After a refusal for lack of room the maximum of the pool shrinks for some seconds to the connections that are open. */
function createAcquire(pool: pg.Pool, established: ReadonlySet<pg.PoolClient>, options: ConnectionsOptions) {
  const { connectTimeoutMs, max, onError } = options
  let growing: NodeJS.Timeout | undefined
  function shrink(): void {
    pool.options.max = Math.max(1, Math.min(max, established.size))
    clearTimeout(growing)
    growing = setTimeout(() => {
      pool.options.max = max
      // The pool opens connections only when one is taken or returned.
      if (pool.waitingCount > 0) acquire().then((client) => client.release(), onError)
    }, SHRUNK_MS)
    growing.unref()
  }

  /** Waits for a connection until the connect time-out, after the server refused a new one. */
  async function waitForRoom(refused: unknown): Promise<pg.PoolClient> {
    const deadlineMs = monotonicMs() + connectTimeoutMs
    const leftMs = (): number => deadlineMs - monotonicMs()
    for (let retryMs = MIN_RETRY_MS; ; retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)) {
      shrink()
      // With open connections the first try waits in the queue of the pool.
      if (established.size === 0 || retryMs > MIN_RETRY_MS) await waitMs(Math.max(0, Math.min(retryMs, leftMs())))
      if (leftMs() <= 0) throw refused
      try {
        return await acquireWithin(pool, leftMs(), refused)
      } catch (error) {
        if (!isTooManyConnections(error)) throw error
      }
    }
  }

  async function acquire(): Promise<pg.PoolClient> {
    try {
      return await connectTo(pool)
    } catch (error) {
      if (!isTooManyConnections(error)) throw error
      return waitForRoom(error)
    }
  }
  return acquire
}

const connectTo = (pool: pg.Pool): Promise<pg.PoolClient> =>
  new Promise((resolve, reject) => {
    pool.connect((error, client) => (client ? resolve(client) : reject(error ?? new Error('no connection'))))
  })

/** Returns a connection of the pool. Throws `late` when there is none in time. */
async function acquireWithin(pool: pg.Pool, ms: number, late: unknown): Promise<pg.PoolClient> {
  const waiting = new AbortController()
  const connecting = pool.connect()
  try {
    const client = await Promise.race([connecting, waitMs(ms, waiting.signal)])
    if (client) return client
  } finally {
    waiting.abort()
  }
  connecting.then(
    (unused) => unused.release(),
    () => undefined,
  )
  throw late
}

interface Found {
  user: string
  database: string
  statement: boolean
  idle: boolean
}

/**
 * Creates the check of a new connection: its role and its time-outs, in one round trip. It sets time-outs that differ. Behind a pooler in
 * transaction mode a setting would reach the connection of another client, so there the role's settings must give them.
 */
function createCheck({ expectedUser, pooler, connectTimeoutMs, statementTimeoutMs, onError }: ConnectionsOptions) {
  let reported = false
  return async (client: pg.ClientBase): Promise<void> => {
    const pinned = pooler.mode !== 'transaction'
    const { rows } = await client.query<Found>({
      text: pinned ? SET_TIMEOUTS : READ_TIMEOUTS,
      values: pinned ? [`${statementTimeoutMs}ms`, `${IDLE_IN_TRANSACTION_MS}ms`] : [],
      query_timeout: connectTimeoutMs,
    } as pg.QueryConfig)
    const [found] = rows
    if (!found) throw new AppError('internal', 500, 'A new database connection did not tell its role')
    if (expectedUser !== undefined && found.user !== expectedUser) throw wrongRole(found.user, expectedUser)
    if (reported || ((found.statement || statementTimeoutMs === 0) && found.idle)) return
    reported = true
    onError(timeoutsMissing(found, statementTimeoutMs))
  }
}

const SET_TIMEOUTS = `select current_user::text as user, current_database()::text as database,
  set_config('statement_timeout', $1, false) is not null as statement,
  set_config('idle_in_transaction_session_timeout', $2, false) is not null as idle`
const READ_TIMEOUTS = `select current_user::text as user, current_database()::text as database,
  current_setting('statement_timeout') <> '0' as statement,
  current_setting('idle_in_transaction_session_timeout') <> '0' as idle`

export const wrongRole = (user: string, expected: string): AppError =>
  new AppError(
    WRONG_ROLE,
    500,
    `A new database connection has the role ${user}, but Purser must run as ${expected}. Check the user in DATABASE_URL and its options, and the settings of the pooler.`,
  )

const timeoutsMissing = ({ user, database }: Found, statementTimeoutMs: number): AppError =>
  new AppError(
    'platform.no-timeouts',
    500,
    `Connections through the pooler have no time-outs. An administrator must run: alter role "${user}" in database "${database}" set statement_timeout = ${statementTimeoutMs}; alter role "${user}" in database "${database}" set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS};`,
  )
