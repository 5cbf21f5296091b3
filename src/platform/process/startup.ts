import { resolve } from 'node:path'
import type { ClientConfig } from 'pg'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { PlatformConfig } from '../environment/config.ts'
import type { MasterKey } from '../environment/masterkey.ts'
import { openDb, type Db } from '../database/db.ts'
import { applyGrants } from '../database/grants.ts'
import { migrate, requireCurrent, type Schema } from '../database/migrate.ts'
import type { Pooler } from '../database/pooler.ts'
import {
  applicationName,
  endDeadSessions,
  findPostgres,
  hasPostgres,
  supervisePostgres,
  type ServerState,
} from '../database/postgres.ts'
import { migrateJobs } from '../runtime/jobs.ts'
import { checkLimits, OWNER_POOL, sumConnections } from './connections.ts'
import { claimDatabase, masterKeyPath, requireMode } from './database-claim.ts'
import { descriptorWarnings } from './descriptors.ts'
import { embeddedServer } from './embedded.ts'
import { connectExternal } from './external.ts'
import type { DatabaseServer } from './server.ts'

/** Connections of the running program. */
export interface Database {
  /** Connection of the role that owns and migrates the schemas. */
  readonly owner: ClientConfig
  /** Role that each connection of the owner must have. */
  readonly ownerUser: string
  /** Connection of the running program. Its role cannot change history (docs/decisions/0010). */
  readonly app: ClientConfig
  /** Connection that bypasses a pooler, for session locks, LISTEN and the job queue. Equals `app` without a pooler. */
  readonly direct: ClientConfig
  /** Role that each connection of the program must have. */
  readonly user: string
  readonly pooler: Pooler
  readonly role: 'restricted' | 'owner'
  /** Why the program runs as the owner although DATABASE_ROLE=owner is not set. */
  readonly roleProblem?: string
  readonly embedded: boolean
  /** True when this process holds the owner lock: no other process runs on the database, so existing claims and locks are stale. */
  readonly exclusive: boolean
  /** Returns the restarts of the embedded server, when this process runs it. */
  readonly serverState?: () => ServerState
}

export interface OpenOptions {
  readonly log: (line: string) => void
  /** Called when this process lost the owner lock of the data folder. It must not write any more. */
  readonly onLockLost?: () => void
}

/**
 * Opens the database server for the running program. Connects to `DATABASE_URL`, or starts the embedded PostgreSQL (or connects to the
 * running server) and acquires the owner lock of the data folder. Throws AppError with one line that says what to do, and
 * `platform.already-running` when another process holds the lock.
 */
export async function openDatabase(config: PlatformConfig, options: OpenOptions): Promise<DatabaseServer> {
  if (config.databaseUrl) return connectExternal(config, config.instanceType !== 'web')
  const { dataDir } = config
  const server = await supervisePostgres({ dataDir, ...options })
  if (!server) {
    throw new AppError(
      'platform.already-running',
      500,
      `Purser already runs on ${dataDir}. Use \`npx purser\` to control it, or set DATA_DIR and PORT to run a second one.`,
    )
  }
  if (server.wasRunning) await endDeadSessions(server.owner)
  const { owner, app, state, stop: close } = server
  return embeddedServer({ owner, app, exclusive: true, config, state, close })
}

/**
 * Opens the database server for a CLI command: that of a running program, or else the embedded one, which runs until the command ends.
 * Never creates a database: throws `platform.no-database` where none exists.
 */
export async function attachDatabase(config: PlatformConfig, options: OpenOptions): Promise<DatabaseServer> {
  if (config.databaseUrl) return connectExternal(config, false)
  const server = await findPostgres(config.dataDir)
  if (server) return embeddedServer({ ...server, exclusive: false, config, close: () => Promise.resolve() })
  if (hasPostgres(config.dataDir)) return openDatabase(config, options)
  throw new AppError(
    'platform.no-database',
    500,
    `${resolve(config.dataDir)} has no Purser database. Set DATA_DIR, run the command in the folder where Purser was started, or create a database with \`npx purser start\`.`,
  )
}

export interface PrepareOptions {
  readonly schemas: readonly Schema[]
  readonly config: PlatformConfig
  readonly clock: Clock
  /** Receives one line for each wait of the migrations. */
  readonly log?: (line: string) => void
}

export interface Prepared {
  readonly masterKey: MasterKey
  readonly database: Database
  /** Lines that the operator must see. */
  readonly warnings: readonly string[]
}

/**
 * Migrates the database, checks that it belongs to this mode and master key, and opens the program's login with its rights. Safe for
 * concurrent instances.
 */
export async function prepareDatabase(server: DatabaseServer, options: PrepareOptions): Promise<Prepared> {
  const { schemas, config, log } = options
  return withOwner(server, config, async (db) => {
    const masterKey = await claim(db, options, () =>
      server.canMigrate ? migrate(db, schemas, { log }) : requireMigrated(db, schemas),
    )
    const login = await server.openLogin({ db, masterKey, mayChange: true })
    const warnings = [...login.warnings]
    if (server.canMigrate)
      await migrateJobs(server.owner, login.role === 'restricted' ? login.user : undefined, {
        log,
        expectedUser: server.ownerUser,
      })
    if (login.role === 'restricted') await applyGrants(db, schemas, login.user)
    const { user, pooler } = login
    warnings.push(
      ...descriptorWarnings(config),
      ...(await checkLimits(db, { sum: sumConnections(config), user, pooler })),
    )
    return { masterKey, database: toDatabase(server, login), warnings }
  })
}

/** Checks schema, mode and master key for a CLI command, without migrating. Throws `platform.schema-older` or `platform.no-database`. */
export async function checkDatabase(server: DatabaseServer, options: PrepareOptions): Promise<Prepared> {
  return withOwner(server, options.config, async (db) => {
    const masterKey = await claim(db, options, () => requireCurrent(db, options.schemas))
    const login = await server.openLogin({ db, masterKey, mayChange: false })
    return { masterKey, database: toDatabase(server, login), warnings: login.warnings }
  })
}

type OpenLogin = Awaited<ReturnType<DatabaseServer['openLogin']>>

function toDatabase({ owner, ownerUser, embedded, exclusive, state }: DatabaseServer, login: OpenLogin): Database {
  const { app, direct, user, pooler, role, roleProblem } = login
  return {
    owner,
    ownerUser,
    app,
    direct,
    user,
    pooler,
    role,
    ...(roleProblem !== undefined && { roleProblem }),
    embedded,
    exclusive,
    ...(state && { serverState: state }),
  }
}

async function withOwner<T>(
  { owner, ownerPooler, ownerUser }: DatabaseServer,
  config: PlatformConfig,
  act: (db: Db) => Promise<T>,
): Promise<T> {
  const db = openDb({
    connection: owner,
    expectedUser: ownerUser,
    pooler: ownerPooler,
    max: OWNER_POOL,
    applicationName: applicationName('migrate'),
    connectTimeoutMs: config.databaseConnectTimeoutMs,
  })
  try {
    return await act(db)
  } finally {
    await db.close()
  }
}

/** Checks that the database belongs to this mode and master key. Returns the key. */
async function claim(
  db: Db,
  { config, clock }: PrepareOptions,
  prepareSchema: () => Promise<unknown>,
): Promise<MasterKey> {
  await requireMode(db, config.mode)
  await prepareSchema()
  return claimDatabase(db, { mode: config.mode, keyPath: masterKeyPath(config), clock })
}

/** Checks that the migrations have run. A web instance behind a pooler in transaction mode cannot run them. */
async function requireMigrated(db: Db, schemas: readonly Schema[]): Promise<void> {
  try {
    await requireCurrent(db, schemas)
  } catch (error) {
    if (!(error instanceof AppError) || !['platform.schema-older', 'platform.no-database'].includes(error.code))
      throw error
    throw new AppError(
      'platform.direct-url-missing',
      500,
      'The database must be migrated, which does not work through a connection pooler in transaction mode. Start a worker with DATABASE_DIRECT_URL first, or set DATABASE_DIRECT_URL here.',
      { cause: error },
    )
  }
}
