import pg from 'pg'
import { AppError } from '../base/errors.ts'

/** Returns the SQLSTATE of a database error, such as `23505`. Undefined for other errors. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** Returns the name of the violated constraint. Undefined when the error is not a constraint violation. */
export const violatedConstraint = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError && error.code?.startsWith('23') ? error.constraint : undefined

/** Returns whether the error is a deadlock or a serialization failure. The transaction was rolled back and can run again. */
export const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(sqlState(error) ?? '')

/**
 * Returns whether the database refuses the values of a row: invalid data (class 22), a violated constraint (class 23), or an index entry
 * that is too long (54000). The same row is refused every time; other errors can pass.
 */
export const isRowRefused = (error: unknown): boolean => /^(22...|23...|54000)$/.test(sqlState(error) ?? '')

/** Returns whether PostgreSQL could not write because its disk is full. */
export const isDiskFull = (error: unknown): boolean => sqlState(error) === '53100'

/**
 * Returns whether a prepared statement is of no use any more and its execution did not begin: the pooler gave a server connection that
 * does not know it (26000) or knows it already (42P05), or a migration changed the columns of its result (0A000).
 */
export const isStaleStatement = (error: unknown): boolean =>
  error instanceof pg.DatabaseError &&
  (['26000', '42P05'].includes(error.code ?? '') ||
    // Many features share 0A000. The message is translated, so the name of the server's function tells them apart.
    (error.code === '0A000' && error.routine === 'RevalidateCachedQuery'))

/** PgBouncer 1.18 and earlier send these refusals with an unspecific SQLSTATE. */
const POOLER_FULL = /no more connections allowed|remaining connection slots are reserved|too many (clients|connections)/

/** Returns whether the server or the pooler has no room for another connection. */
export const isTooManyConnections = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && (error.code === '53300' || POOLER_FULL.test(error.message))

/** Returns whether the server did not answer within the time limit of the client. The statement may still run. */
export const isQueryTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout'

/**
 * Returns whether PostgreSQL answered COMMIT with a refusal, so that the transaction is rolled back. A fatal error is no such answer:
 * PostgreSQL can send one after it wrote the commit. On a server in another language every answer counts as unknown, which is read back.
 */
export const isRefusedCommit = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.severity === 'ERROR' && !isConnectionUnusable(error)

/** Code of the error of a transaction whose COMMIT got no answer and could not be read back. */
export const COMMIT_UNKNOWN = 'platform.commit-unknown'
/** Code of the error of a new connection that has another role than expected. */
export const WRONG_ROLE = 'platform.wrong-role'

/**
 * SQLSTATEs after which the connection is of no use: connection lost (08), too many connections (53300), shutting down (57P01, 57P02),
 * starting up (57P03), idle in transaction for too long (25P03) and a standby that accepts no writes (25006).
 */
const UNUSABLE_STATES = /^(08...|53300|57P0[1-3]|25P03|25006)$/
/** Out of memory (53200) and disk full (53100): the server cannot do the statement now. The connection stays usable. */
const EXHAUSTED_STATES = new Set(['53100', '53200'])
const SOCKET_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  // This process has no free file descriptor for a connection.
  'EMFILE',
  'ENFILE',
])
// pg has no codes for these errors (pg 8 lib/client.js, pg-pool index.js).
const PG_CONNECTION_ERRORS =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|Client was closed|Cannot use a pool after|Query read timeout)/

/** Returns whether the error means that its connection must not be used again. */
export function isConnectionUnusable(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AppError) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return UNUSABLE_STATES.test(code) || SOCKET_ERRORS.has(code) || PG_CONNECTION_ERRORS.test(error.message)
}

/**
 * Returns whether the error is about the database or the connection, not about the statement: the same call can succeed later. A
 * transaction that failed so may have been committed only when the error is `platform.commit-unknown`; a single statement that failed so
 * may have been committed.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof AppError) return error.code === COMMIT_UNKNOWN || error.code === WRONG_ROLE
  return isConnectionUnusable(error) || EXHAUSTED_STATES.has(sqlState(error) ?? '')
}
