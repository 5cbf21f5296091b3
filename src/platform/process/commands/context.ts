import type { Database } from '../startup.ts'
import type { CliContext } from '../../runtime/module.ts'

/** Context of the commands that belong to the platform: they also need the database's connections. */
export interface PlatformCli extends CliContext {
  readonly database: Database
}
