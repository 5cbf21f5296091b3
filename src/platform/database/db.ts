import pg from 'pg'
import { AppError } from '../base/errors.ts'
import { systemClock, type Clock } from '../base/clock.ts'
import { createReadBack } from './commit.ts'
import { isConnectionUnusable } from './failures.ts'
import { openConnections } from './pool.ts'
import { NO_POOLER, type Pooler } from './pooler.ts'
import { openSession, type SessionOptions } from './session.ts'
import { createStatements } from './statements.ts'
import { transact, type TransactionOptions } from './transaction.ts'
export type { TransactionOptions }
import type { Sql } from './sql.ts'
export { isDatabaseUnavailable, isRowRefused, sqlState, violatedConstraint } from './failures.ts'
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

/** A dedicated connection, for session-level locks. Its statements have the limit of the pool. */
export interface Session extends Queryable {
  /** Process id of its server process. */
  readonly pid: number
  /**
   * Runs a statement that may take hours, such as building an index. A connection of the pool watches its server process, so that the
   * statement fails when its answer was lost.
   */
  runLong(statement: Sql): Promise<number>
  /** Ends the connection, and the server process when the connection is lost, so that its locks are free. */
  close(): Promise<void>
}

export interface Db extends Queryable {
  /**
   * Commits when `act` resolves and rolls back when it throws. Runs `act` again after a deadlock, a serialization failure or a lost
   * COMMIT that was rolled back, with at most three attempts, so `act` must do nothing but SQL. Throws `platform.commit-unknown` when the
   * connection was lost during COMMIT and the end of the transaction cannot be read back: it may have been committed. Use only the given
   * `tx` inside: a second connection can starve the pool.
   */
  transaction<T>(act: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Time of the last statement that failed because the server's disk was full. */
  readonly recentDiskFull: Date | undefined
  openSession(options?: SessionOptions): Promise<Session>
  readonly pool: pg.Pool
  close(): Promise<void>
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
  /** Milliseconds after which an idle connection above `min` is closed. Default: 10 s. */
  idleMs?: number
  applicationName?: string
  /** Milliseconds after which PostgreSQL cancels a statement. 0: no limit. Default: 30 s. */
  statementTimeoutMs?: number
  clock?: Clock
  onError?: (error: Error) => void
}

const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, (text) => BigInt(text))
// numeric columns hold money in minor units, so a fraction is a bug and BigInt() throws on it. Rates are selected as ::text.
types.setTypeParser(pg.types.builtins.NUMERIC, (text) => BigInt(text))

export function openDb(options: DbOptions): Db {
  const { max = 10, min = 0, idleMs = 10_000, pooler = NO_POOLER, clock = systemClock } = options
  const { statementTimeoutMs = 30_000, connectTimeoutMs = 10_000 } = options
  const onError = (error: Error): void => options.onError?.(error)
  let recentDiskFull: Date | undefined
  const connections = openConnections({
    connection: { ...options.connection, types, application_name: options.applicationName ?? 'purser' },
    ...{ max, min, idleMs, pooler, connectTimeoutMs, statementTimeoutMs, onError },
    expectedUser: options.expectedUser,
  })
  const onDiskFull = (): void => void (recentDiskFull = clock.now())
  const statements = createStatements({ pooler, statementTimeoutMs, onError, onDiskFull })
  const link = { ...connections, ...statements, readBack: createReadBack(connections.open) }
  return {
    ...queryable(async (statement) => {
      const client = await connections.acquire()
      let broken: Error | undefined
      try {
        return await statements.sendAlone(client, statement)
      } catch (error) {
        if (isConnectionUnusable(error)) broken = error as Error
        throw error
      } finally {
        client.release(broken)
      }
    }),
    pool: connections.pool,
    get recentDiskFull() {
      return recentDiskFull
    },
    transaction: (act, transactionOptions = {}) =>
      transact(
        link,
        ({ run, afterCommit }) => act({ ...queryable(run), isTransaction: true, afterCommit }),
        transactionOptions,
      ),
    openSession: async (sessionOptions) => {
      const { pid, run, runLong, close } = await openSession(
        { connections, statements, statementTimeoutMs },
        sessionOptions,
      )
      return { ...queryable(run), pid, close, runLong: async (statement) => (await runLong(statement)).rowCount ?? 0 }
    },
    close: connections.close,
  }
}

type Run = (statement: Sql) => Promise<pg.QueryResult<pg.QueryResultRow>>

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
