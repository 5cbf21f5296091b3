import { NO_POOLER } from '../database/pooler.ts'
import type { PostgresConnection, ServerState } from '../database/postgres.ts'
import type { PlatformConfig } from '../environment/config.ts'
import { applySettings, closeDatabase } from './roles.ts'
import type { DatabaseServer } from './server.ts'

interface Embedded {
  readonly owner: PostgresConnection
  readonly app: PostgresConnection
  readonly exclusive: boolean
  readonly config: PlatformConfig
  readonly state?: () => ServerState
  close(): Promise<void>
}

/** Returns the server that Purser runs itself. It has a restricted login from the beginning. */
export const embeddedServer = ({ owner, app, exclusive, config, state, close }: Embedded): DatabaseServer => ({
  owner,
  ownerUser: owner.user,
  ownerPooler: NO_POOLER,
  canMigrate: true,
  embedded: true,
  exclusive,
  ...(state && { state }),
  openLogin: async ({ db, mayChange }) => {
    const { database, user } = app
    const statementTimeoutMs = config.databaseStatementTimeoutMs
    if (mayChange) {
      await applySettings(db, { role: user, database, statementTimeoutMs })
      await closeDatabase(db, user)
    }
    return { app, direct: app, user, role: 'restricted', pooler: NO_POOLER, warnings: [] }
  },
  close,
})
