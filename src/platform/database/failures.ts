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


/** Code of the error of a transaction whose COMMIT got no answer and could not be read back. */
const COMMIT_UNKNOWN = 'platform.commit-unknown'
/** Code of the error of a new connection that has another role than expected. */
const WRONG_ROLE = 'platform.wrong-role'

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
])
// pg has no codes for these errors (pg 8 lib/client.js, pg-pool index.js).
const PG_CONNECTION_ERRORS =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|Client was closed|Cannot use a pool after|Query read timeout)/

/** Returns whether the error means that its connection must not be used again. */
function isConnectionUnusable(error: unknown): boolean {
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
