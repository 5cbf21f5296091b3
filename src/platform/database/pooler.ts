/** A connection pooler between Purser and PostgreSQL, such as PgBouncer. */
export interface Pooler {
  /** `transaction`: each transaction may run on another server connection. */
  readonly mode: 'none' | 'session' | 'transaction'
  /** Whether the pooler keeps prepared statements across server connections. */
  readonly keepsStatements: boolean
}
