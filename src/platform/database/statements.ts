import type pg from 'pg'
import { isDiskFull, isQueryTimeout, isStaleStatement } from './failures.ts'
import type { Pooler } from './pooler.ts'
import type { Sql } from './sql.ts'

type Result = pg.QueryResult<pg.QueryResultRow>

/** Limits and names of one statement. */
export interface SendOptions {
  /** Milliseconds that PostgreSQL may take. The client waits a little longer. 0: no limit. Default: the limit of the connection. */
  timeoutMs?: number | undefined
  /** Sends every statement without a name. */
  unnamed?: boolean
}

/** Sends statements to connections. */
export interface Statements {
  /**
   * Runs one statement. After a time-out the connection is destroyed at once, because nothing can be sent behind a statement without an
   * answer.
   */
  send(client: pg.ClientBase, statement: Sql, options?: SendOptions): Promise<Result>
  /** Runs one statement outside a transaction. A stale prepared statement is repeated once without a name. */
  sendAlone(client: pg.ClientBase, statement: Sql, options?: SendOptions): Promise<Result>
}

export interface StatementsOptions {
  readonly pooler: Pooler
  /** Milliseconds after which PostgreSQL cancels a statement. 0: no limit. */
  readonly statementTimeoutMs: number
  readonly onError: (error: Error) => void
  readonly onDiskFull: () => void
}

/**
 * Time that the client waits beyond the limit of PostgreSQL. PostgreSQL cancels a statement that it can still cancel, so a longer silence
 * means that the server or the network is lost.
 */
export const GRACE_MS = 5_000

interface Query extends pg.QueryConfig<unknown[]> {
  query_timeout: number
}

export function createStatements(options: StatementsOptions): Statements {
  const { pooler, statementTimeoutMs, onError, onDiskFull } = options
  let named = pooler.mode !== 'transaction' || pooler.keepsStatements
  const stale = new Set<string>()
  const mayName = (name: string): boolean => named && !stale.has(name)

  /** Stops naming what cannot be kept: one statement after a migration, all statements behind a pooler that does not keep them. */
  function dropNames(error: Error, name: string | undefined): void {
    if (name === undefined || !mayName(name)) return
    if ('code' in error && error.code === '0A000') stale.add(name)
    else named = false
    onError(error)
  }

  async function send(client: pg.ClientBase, { text, values, name }: Sql, given: SendOptions = {}): Promise<Result> {
    const { timeoutMs = statementTimeoutMs, unnamed = false } = given
    const query: Query = {
      text,
      values: values as unknown[],
      query_timeout: timeoutMs === 0 ? 0 : timeoutMs + GRACE_MS,
    }
    if (name !== undefined && !unnamed && mayName(name)) query.name = name
    try {
      // A callback saves two of the promises of pg, on the path of every statement.
      return await new Promise<Result>((resolve, reject) => {
        client.query(query, (error, result) => ((error as Error | null) ? reject(error) : resolve(result)))
      })
    } catch (error) {
      // Name the caller of the statement in place of the parser of the answer.
      if (error instanceof Error) Error.captureStackTrace(error)
      // end() closes the socket at once while a statement is active.
      if (isQueryTimeout(error)) void (client as pg.Client).end()
      else if (isDiskFull(error)) onDiskFull()
      else if (isStaleStatement(error)) dropNames(error as Error, query.name)
      throw error
    }
  }

  return {
    send,
    sendAlone: async (client, statement, given) => {
      try {
        return await send(client, statement, given)
      } catch (error) {
        if (!isStaleStatement(error) || statement.name === undefined || client.getTransactionStatus() !== 'I')
          throw error
        return send(client, statement, { ...given, unnamed: true })
      }
    },
  }
}
