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

/** What a module hands to the process. Each part is optional; app.ts runs or mounts what is declared. */
export interface Module {
  readonly name: string
  readonly schema?: Schema
  routes?(app: HttpServer): void
  readonly jobs?: readonly Job[]
  readonly queues?: readonly DueQueue[]
  readonly crons?: readonly Cron[]
  /** Adds commands below `program`. `open` attaches to the database: call it inside the action only, so that --help needs none. */
  commands?(program: Command, open: OpenCli): void
  readonly health?: readonly HealthCheck[]
  readonly invariants?: readonly Invariant[]
}

export interface Invariant {
  /** `module.what-holds` */
  readonly name: string
  /** Sentences that say what is broken; none when it holds. */
  check(q: Queryable): Promise<string[]>
}

/** Who did something, as the audit log keeps it. */
export interface Actor {
  readonly type: 'operator' | 'cli' | 'key' | 'system'
  /** An operator's or key's id, the OS user's name, or the part of the program. */
  readonly id: string
}

export interface CliRecord {
  /** `module.what-was-done` */
  readonly action: string
  /** The id of what it was done to. */
  readonly target: string
  readonly detail?: Readonly<Record<string, string>>
}

export type OpenCli = () => Promise<CliContext>

/** What a command of `purser` works with. The CLI closes it after the action. */
export interface CliContext {
  readonly db: Db
  readonly actor: Actor
  readonly clock: Clock
  readonly ids: Ids
  readonly mode: Mode
  readonly masterKey: MasterKey
  readonly log: Log
  /** Writes into the audit log, in the name of whoever runs the command. */
  record(tx: Tx, entry: CliRecord): Promise<void>
  /** A line, or rows as a table of their keys. */
  print(what: string | readonly Readonly<Record<string, unknown>>[]): void
  /** A line for the person at the terminal. It goes to stderr, so that a script reads the result alone. */
  note(line: string): void
}
