import type { ClientConfig } from 'pg'
import { AppError } from '../base/errors.ts'
import type { PlatformConfig } from '../environment/config.ts'
import { NO_POOLER, recognizePooler, type Pooler } from '../database/pooler.ts'
import { openEndpoints, type Endpoints } from './endpoints.ts'
import { openLogin } from './login.ts'
import { renewPooledConnections } from './pooled-settings.ts'
import type { DatabaseServer } from './server.ts'

const closeNothing = (): Promise<void> => Promise.resolve()

/**
 * Connects to the PostgreSQL of DATABASE_URL. `needsSessions`: the process holds session locks and uses LISTEN, which a pooler in transaction
 * mode breaks. Throws one line that says what to do.
 */
export async function connectExternal(config: PlatformConfig, needsSessions: boolean): Promise<DatabaseServer> {
  const endpoints = await openEndpoints(config)
  const declared = config.databasePooler
  const recognize = (connection: ClientConfig): Promise<Pooler> =>
    recognizePooler(connection, { declared, connectTimeoutMs: config.databaseConnectTimeoutMs })
  // Before the migrations: their session lock would never be released in a pooler that is in transaction mode after all.
  if (endpoints.app.pooled) await recognize(endpoints.app.connection)
  const isTransactional = ({ pooled }: { pooled: boolean }): boolean => pooled && declared !== 'session'
  if (needsSessions && !endpoints.direct && isTransactional(endpoints.app)) throw needsDirectUrl()
  const canMigrate = !isTransactional(endpoints.owner)
  return {
    owner: endpoints.owner.connection,
    ownerUser: endpoints.owner.user,
    ownerPooler: poolerOf(endpoints, declared),
    canMigrate,
    embedded: false,
    exclusive: false,
    openLogin: async (context) => {
      const login = await openLogin({ ...context, config, endpoints })
      const pooler = await recognize(login.app)
      const warnings = [...login.warnings]
      if (context.mayChange && pooler.mode === 'transaction') {
        const pooled = {
          ...login,
          ownerPooled: endpoints.owner.pooled,
          connectTimeoutMs: config.databaseConnectTimeoutMs,
        }
        if (!(await renewPooledConnections(pooled))) warnings.push(settingsMissing(login.user))
      }
      return { ...login, pooler, warnings }
    },
    close: closeNothing,
  }
}

/** Returns the pooler of the owner connection. Its statements stay unnamed, so that nobody needs to try whether the pooler keeps them. */
const poolerOf = ({ owner }: Endpoints, declared: PlatformConfig['databasePooler']): Pooler =>
  owner.pooled ? { mode: declared ?? 'transaction', keepsStatements: false } : NO_POOLER

const settingsMissing = (user: string): string =>
  `Connections through the pooler lack the time-outs or the search path of the role "${user}". Reload the pooler, and check that it sets no options of its own.`

const needsDirectUrl = (): AppError =>
  new AppError(
    'platform.direct-url-missing',
    500,
    'DATABASE_URL reaches a connection pooler in transaction mode, where a worker cannot hold locks or listen. Set DATABASE_DIRECT_URL to the PostgreSQL server itself, or DATABASE_POOLER=session if the pooler runs in session mode.',
  )
