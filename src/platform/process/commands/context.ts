import type { Database } from '../startup.ts'
import type { CliContext } from '../../runtime/module.ts'

/** Context of the platform commands, which also need the database connections. */
export interface PlatformCli extends CliContext {
  readonly database: Database
}
