import type { ClientConfig } from 'pg'
import type { Db } from '../database/db.ts'
import type { Pooler } from '../database/pooler.ts'
import type { ServerState } from '../database/postgres.ts'
import type { MasterKey } from '../environment/masterkey.ts'
import type { Login } from './login.ts'

/** A database server that was reached. Its schema and the program's login are not prepared yet. */
export interface DatabaseServer {
  /** Connection of the role that owns and migrates the schemas. */
  readonly owner: ClientConfig
  /** Role of the owner connection. */
  readonly ownerUser: string
  readonly ownerPooler: Pooler
  /** False where the owner connection cannot hold the lock of the migrations. */
  readonly canMigrate: boolean
  readonly embedded: boolean
  /** True when this process holds the owner lock: no other process runs on the database, so existing claims and locks are stale. */
  readonly exclusive: boolean
  /** Returns the restarts of the embedded server, when this process runs it. */
  readonly state?: () => ServerState
  /** Opens the login of the running program. */
  openLogin(context: LoginOptions): Promise<Login & { readonly pooler: Pooler }>
  /** Releases the data folder and stops the embedded server, if this process runs it. */
  close(): Promise<void>
}

export interface LoginOptions {
  readonly masterKey: MasterKey
  /** Database of the owner connection. */
  readonly db: Db
  /** Whether roles, passwords and files may be written. A command only reads. */
  readonly mayChange: boolean
}
