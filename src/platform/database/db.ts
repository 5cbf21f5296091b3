import pg from 'pg'
import { AppError } from '../base/errors.ts'
import type { Sql } from './sql.ts'
export { joinSql, rawSql, sql, type Sql } from './sql.ts'

/** Runs statements: the pool, a transaction, or a session. Rows come back with column names as written. */
export interface Queryable {
  /** All rows. Bound the statement by `limit`. */
  many<Row extends object>(statement: Sql): Promise<Row[]>
  /** The one row; throws `internal` when there is none or more than one. */
  one<Row extends object>(statement: Sql): Promise<Row>
  /** The row, or undefined when there is none. */
  maybe<Row extends object>(statement: Sql): Promise<Row | undefined>
  /** The number of rows written. */
  run(statement: Sql): Promise<number>
}

/** An open transaction. Functions that write take it first; only edges open and so commit one. */
export interface Tx extends Queryable {
  readonly isTransaction: true
  /** Runs after a successful commit, for wake-ups and caches. Must not throw, must not be needed for correctness. */
  afterCommit(act: () => void): void
}

/** One connection of its own, for session locks and listening. */
export interface Session extends Queryable {
  readonly client: pg.Client
  close(): Promise<void>
}

export interface Db extends Queryable {
  /**
   * Commits when `act` resolves, rolls back when it throws. A deadlock or serialization failure runs `act` again (three times at
   * most), so `act` does nothing but SQL. Inside it use only the given `tx`: a second connection can starve the pool.
   */
  transaction<T>(act: (tx: Tx) => Promise<T>): Promise<T>
  openSession(): Promise<Session>
  readonly pool: pg.Pool
  close(): Promise<void>
}

export interface DbOptions {
  connection: pg.ClientConfig
  /** Connections at most; 10 by default. */
  max?: number
  /** Connections kept open when idle. */
  min?: number
  /** An idle connection beyond those is closed after so long; 60 s by default. */
  idleMs?: number
  applicationName?: string
  /** A statement running longer is cancelled. */
  statementTimeoutMs?: number
  onError?: (error: Error) => void
}

const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, (text) => BigInt(text))
// numeric is money in minor units. A fraction in it would be a bug, and BigInt() throws on one; rates are selected as ::text.
types.setTypeParser(pg.types.builtins.NUMERIC, (text) => BigInt(text))

export function openDb(options: DbOptions): Db {
  const config: pg.ClientConfig = {
    ...options.connection,
    types,
    application_name: options.applicationName ?? 'purser',
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    connectionTimeoutMillis: 10_000,
  }
  const { max = 10, min = 0, idleMs = 60_000 } = options
  const pool = new pg.Pool({ ...config, max, min, idleTimeoutMillis: idleMs })
  const onError = (error: Error): void => options.onError?.(error)
  pool.on('error', onError)
  // The pool listens only to idle ones; what breaks while a transaction thinks, or breaks twice, would end the process.
  pool.on('connect', (client) => client.on('error', onError))
  return {
    ...queryable((statement) => query(pool, statement)),
    pool,
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

const TRIES = 3

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
      if (attempt === TRIES || !isConflict(error)) throw error
    } finally {
      client.release(broken)
    }
  }
}

/** SQLSTATE of a database error, such as `23505`; undefined for anything else. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** Name of the constraint that refused a row, if one did. */
export const violatedConstraint = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError && error.code?.startsWith('23') ? error.constraint : undefined

const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(sqlState(error) ?? '')
