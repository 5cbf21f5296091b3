import type { Command } from 'commander'
import type { Clock } from '../base/clock.ts'
import type { Mode } from '../environment/config.ts'
import type { Db, Queryable, Tx } from '../database/db.ts'
import type { HealthCheck } from './health.ts'
import type { HttpServer } from '../web/http.ts'
import type { Ids } from '../base/ids.ts'
import type { Cron, DueQueue, Job } from './jobs.ts'
import type { Log } from '../observe/log.ts'
import type { MasterKey } from '../environment/masterkey.ts'
import type { Schema } from '../database/migrate.ts'

/** Parts that a module contributes to the process. app.ts runs or mounts each declared part. */
export interface Module {
  readonly name: string
  readonly schema?: Schema
  routes?(app: HttpServer): void
  readonly jobs?: readonly Job[]
  readonly queues?: readonly DueQueue[]
  readonly crons?: readonly Cron[]
  /** Adds commands to `program`. `open` connects to the database; call it only inside an action, so that --help needs no database. */
  commands?(program: Command, open: OpenCli): void
  readonly health?: readonly HealthCheck[]
  readonly invariants?: readonly Invariant[]
}

export interface Invariant {
  /** `module.what-holds` */
  readonly name: string
  /** Returns one sentence per violation. Empty when the invariant holds. */
  check(q: Queryable): Promise<string[]>
}

/** The actor of an audit log entry. */
export interface Actor {
  readonly type: 'operator' | 'cli' | 'key' | 'system'
  /** Id of the operator or key, name of the OS user, or name of the part of the program. */
  readonly id: string
}

export interface CliRecord {
  /** `module.what-was-done` */
  readonly action: string
  /** Id of the changed object. */
  readonly target: string
  readonly detail?: Readonly<Record<string, string>>
}

export type OpenCli = () => Promise<CliContext>

/** Context of a CLI command. The CLI closes it after the action. */
export interface CliContext {
  readonly db: Db
  readonly actor: Actor
  readonly clock: Clock
  readonly ids: Ids
  readonly mode: Mode
  readonly masterKey: MasterKey
  readonly log: Log
  /** Writes an audit log entry with the user of the command as its actor. */
  record(tx: Tx, entry: CliRecord): Promise<void>
  /** Prints a line, or rows as a table of their keys. */
  print(output: string | readonly Readonly<Record<string, unknown>>[]): void
  /** Prints a line for the user to stderr, so that scripts read only the result from stdout. */
  note(line: string): void
}
