import type { Database } from '../database.ts'
import type { CliContext } from '../module.ts'

/** Context of the commands that belong to the platform: they also need the database's connections. */
export interface PlatformCli extends CliContext {
  readonly database: Database
}
