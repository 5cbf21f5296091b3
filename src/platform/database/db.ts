import pg from 'pg'
import { AppError } from '../base/errors.ts'
import { isConflict } from './failures.ts'
import type { Pooler } from './pooler.ts'
import type { Sql } from './sql.ts'
export { isDatabaseUnavailable, sqlState, violatedConstraint } from './failures.ts'
export { joinSql, rawSql, sql, type Sql } from './sql.ts'

/** Runs statements on the pool, a transaction or a session. Rows keep the column names of the statement. */
export interface Queryable {
  /** Returns all rows. The statement must have a `limit`. */
  many<Row extends object>(statement: Sql): Promise<Row[]>
  /** Returns the only row. Throws `internal` for no row and for more than one. */
  one<Row extends object>(statement: Sql): Promise<Row>
  /** Returns the first row, or undefined without rows. */
  maybe<Row extends object>(statement: Sql): Promise<Row | undefined>
  /** Returns the number of affected rows. */
  run(statement: Sql): Promise<number>
}

/** An open transaction. Functions that write take it as their first parameter. Only edges (routes, jobs, commands) open one. */
export interface Tx extends Queryable {
  readonly isTransaction: true
  /** Runs `act` after a successful commit, for wake-ups and caches. `act` must not throw, and correctness must not depend on it. */
  afterCommit(act: () => void): void
}

/** A dedicated connection, for session-level locks and LISTEN. */
export interface Session extends Queryable {
  readonly client: pg.Client
  close(): Promise<void>
}

export interface Db extends Queryable {
  /**
   * Commits when `act` resolves and rolls back when it throws. Retries `act` after a deadlock or serialization failure, with at most
   * three attempts, so `act` must do nothing but SQL. Use only the given `tx` inside it: a second connection can starve the pool.
   */
  transaction<T>(act: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Time of the last statement that failed because the server's disk was full. */
  readonly recentDiskFull: Date | undefined
  openSession(): Promise<Session>
  readonly pool: pg.Pool
  close(): Promise<void>
}

export interface TransactionOptions {
  /** Whether `act` gives the same result when it runs again after it was committed. Then a COMMIT without an answer is answered by running it again. */
  repeatable?: boolean
  /** Milliseconds after which PostgreSQL cancels a statement of the transaction. 0: no limit. Default: the limit of the connection. */
  timeoutMs?: number
}

export interface DbOptions {
  connection: pg.ClientConfig
  /** Role that every new connection must have. Another role is refused with `platform.wrong-role`. Default: any role. */
  expectedUser?: string
  /** Pooler between Purser and PostgreSQL. Default: none. */
  pooler?: Pooler
  /** Maximum time to get a connection: to open one, or to wait for one of the pool. Default: 10 s. */
  connectTimeoutMs?: number
  /** Maximum connections. Default: 10. */
  max?: number
  /** Minimum connections that stay open when idle. Default: 0. */
  min?: number
  /** Milliseconds after which an idle connection above `min` is closed. Default: 60 s. */
  idleMs?: number
  applicationName?: string
  /** Milliseconds after which PostgreSQL cancels a statement. Default: 30 s. */
  statementTimeoutMs?: number
  onError?: (error: Error) => void
}

const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, (text) => BigInt(text))
// numeric columns hold money in minor units, so a fraction is a bug and BigInt() throws on it. Rates are selected as ::text.
types.setTypeParser(pg.types.builtins.NUMERIC, (text) => BigInt(text))

export function openDb(options: DbOptions): Db {
  const config: pg.ClientConfig = {
    ...options.connection,
    types,
    application_name: options.applicationName ?? 'purser',
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
  }
  const { max = 10, min = 0, idleMs = 60_000 } = options
  const pool = new pg.Pool({ ...config, max, min, idleTimeoutMillis: idleMs })
  const onError = (error: Error): void => options.onError?.(error)
  pool.on('error', onError)
  // The pool handles errors of idle clients only. An unhandled error of a client in a transaction would end the process.
  pool.on('connect', (client) => client.on('error', onError))
  return {
    ...queryable((statement) => query(pool, statement)),
    pool,
    recentDiskFull: undefined,
    transaction: (act) => transaction(pool, act),
    openSession: async () => {
      const client = new pg.Client({ ...config, statement_timeout: 0 })
      client.on('error', onError)
      await client.connect()
      return { ...queryable((statement) => query(client, statement)), client, close: () => client.end() }
    },
    close: () => pool.end(),
  }
}

type Run = (statement: Sql) => Promise<pg.QueryResult<pg.QueryResultRow>>
const query = (client: pg.Pool | pg.ClientBase, { text, values, name }: Sql): ReturnType<Run> =>
  client.query(name === undefined ? { text, values: [...values] } : { text, values: values as unknown[], name })

function queryable(run: Run): Queryable {
  return {
    many: async <Row extends object>(statement: Sql) => (await run(statement)).rows as Row[],
    one: async <Row extends object>(statement: Sql) => {
      const { rows } = await run(statement)
      if (rows.length !== 1)
        throw new AppError('internal', 500, `Expected one row, got ${rows.length}`, { cause: statement.text })
      return rows[0] as Row
    },
    maybe: async <Row extends object>(statement: Sql) => (await run(statement)).rows[0] as Row | undefined,
    run: async (statement) => (await run(statement)).rowCount ?? 0,
  }
}

const MAX_ATTEMPTS = 3

async function transaction<T>(pool: pg.Pool, act: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const client = await pool.connect()
    let broken: Error | undefined
    try {
      const after: (() => void)[] = []
      await client.query('begin')
      const result = await act({
        ...queryable((statement) => query(client, statement)),
        isTransaction: true,
        afterCommit: (run) => void after.push(run),
      })
      await client.query('commit')
      for (const run of after) run()
      return result
    } catch (error) {
      await client.query('rollback').catch((failure: unknown) => (broken = failure as Error))
      if (attempt === MAX_ATTEMPTS || !isConflict(error)) throw error
    } finally {
      client.release(broken)
    }
  }
}
