import { resolve } from 'node:path'
import type { ClientConfig } from 'pg'
import type { Clock } from '../base/clock.ts'
import type { PlatformConfig } from '../environment/config.ts'
import { openDb, rawSql, sql, sqlState, type Db } from '../database/db.ts'
import { AppError, describeError } from '../base/errors.ts'
import { migrateJobs } from '../runtime/jobs.ts'
import type { MasterKey } from '../environment/masterkey.ts'
import { applyGrants } from '../database/grants.ts'
import { migrate, requireCurrent, type Schema } from '../database/migrate.ts'
import {
  acquireOwnerLock,
  applicationName,
  endDeadSessions,
  findPostgres,
  hasPostgres,
  startPostgres,
} from '../database/postgres.ts'
import { claimDatabase, masterKeyPath, requireMode } from './database-claim.ts'

/** Connections to the database of the data, one per role. */
export interface Database {
  /** Connection of the role that owns and migrates the schemas. */
  readonly owner: ClientConfig
  /** Connection of the running program. Its role cannot change history (docs/decisions/0005). */
  readonly app: ClientConfig
  readonly embedded: boolean
  /** True when this process holds the owner lock: no other process runs on the database, so existing claims and locks are stale. */
  readonly exclusive: boolean
  /** Releases the data folder and stops the embedded server, if this process runs it. */
  close(): Promise<void>
}

export interface OpenOptions {
  readonly log: (line: string) => void
  /** Called when this process lost the owner lock of the data folder. It must not write any more. */
  readonly onLockLost?: () => void
}

const closeNothing = (): Promise<void> => Promise.resolve()

/**
 * Opens the database for the running program. Connects to `DATABASE_URL`, or starts the embedded PostgreSQL (or connects to the running
 * server) and acquires the owner lock of the data folder. Throws AppError with one line that says what to do, and
 * `platform.already-running` when another process holds the lock.
 */
export async function openDatabase(config: PlatformConfig, options: OpenOptions): Promise<Database> {
  if (config.databaseUrl) return connect(config.databaseUrl.reveal(), ensureRole)
  const { owner, app, wasRunning, stop } = await startPostgres({ dataDir: config.dataDir, log: options.log })
  const lock = await acquireOwnerLock(owner, options.onLockLost ? { onLockLost: options.onLockLost } : {})
  if (!lock) {
    throw new AppError(
      'platform.already-running',
      500,
      `Purser already runs on ${config.dataDir}. Use \`npx purser\` to control it, or set DATA_DIR and PORT to run a second one.`,
    )
  }
  if (wasRunning) await endDeadSessions(owner)
  const close = async (): Promise<void> => {
    await lock.release()
    await stop()
  }
  return { owner, app, embedded: true, exclusive: true, close }
}

/**
 * Opens the database for a CLI command: that of a running program, or else the embedded one, which runs until the command ends. Never
 * creates a database: throws `platform.no-database` where none exists.
 */
export async function attachDatabase(config: PlatformConfig, options: OpenOptions): Promise<Database> {
  if (config.databaseUrl) return connect(config.databaseUrl.reveal())
  const server = await findPostgres(config.dataDir)
  if (server) return { owner: server.owner, app: server.app, embedded: true, exclusive: false, close: closeNothing }
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
}

/**
 * Migrates the database and checks that it belongs to this mode and master key. Returns the key. Safe for concurrent instances.
 */
export async function prepareDatabase(database: Pick<Database, 'owner'>, options: PrepareOptions): Promise<MasterKey> {
  return claim(database, options, async (db) => {
    await migrate(db, options.schemas)
    await migrateJobs(database.owner, APP_ROLE)
    await applyGrants(db, options.schemas, APP_ROLE)
  })
}

/** Checks mode and master key for a CLI command, without migrating. Throws `platform.schema-older` or `platform.no-database`. */
export async function checkDatabase(database: Pick<Database, 'owner'>, options: PrepareOptions): Promise<MasterKey> {
  return claim(database, options, (db) => requireCurrent(db, options.schemas))
}

async function claim(
  database: Pick<Database, 'owner'>,
  { config, clock }: PrepareOptions,
  prepareSchema: (db: Db) => Promise<void>,
): Promise<MasterKey> {
  const db = openDb({ connection: database.owner, max: 2, applicationName: applicationName('migrate') })
  try {
    await requireMode(db, config.mode)
    await prepareSchema(db)
    return await claimDatabase(db, { mode: config.mode, keyPath: masterKeyPath(config), clock })
  } finally {
    await db.close()
  }
}

const APP_ROLE = 'purser_app'

async function connect(connectionString: string, prepare?: (db: Db) => Promise<void>): Promise<Database> {
  const owner: ClientConfig = { connectionString }
  const db = openDb({ connection: owner, max: 1 })
  try {
    await requireVersion(db)
    await prepare?.(db)
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError(
      'platform.database-unreachable',
      500,
      `The database of DATABASE_URL cannot be used: ${describeError(error)}. Check the URL, and that PostgreSQL runs and accepts the user and password.`,
    )
  } finally {
    await db.close()
  }
  const app: ClientConfig = { connectionString, options: `-c role=${APP_ROLE}` }
  return { owner, app, embedded: false, exclusive: false, close: closeNothing }
}

const MIN_SERVER_VERSION = 150_000

async function requireVersion(db: Db): Promise<void> {
  const { version } = await db.one<{ version: number }>(
    sql`select current_setting('server_version_num')::int as version`,
  )
  if (version >= MIN_SERVER_VERSION) return
  throw new AppError(
    'platform.database-too-old',
    500,
    `The server of DATABASE_URL is PostgreSQL ${Math.floor(version / 10_000)}. Use PostgreSQL 15 or later.`,
  )
}

/** Creates the role of the running program if needed. Its connections set this role, so the user of DATABASE_URL must be a member. */
async function ensureRole(db: Db): Promise<void> {
  const known = await db.maybe<{ member: boolean }>(
    sql`select pg_has_role(current_user, oid, 'member') as member from pg_roles where rolname = ${APP_ROLE}`,
  )
  if (known?.member) return
  try {
    if (!known) await db.run(rawSql(`create role ${APP_ROLE} nologin`))
    await db.run(rawSql(`grant ${APP_ROLE} to current_user`))
  } catch (error) {
    // 42501: insufficient privilege. 42710: another instance created the role concurrently.
    if (sqlState(error) === '42710') return ensureRole(db)
    if (sqlState(error) !== '42501') throw error
    throw new AppError(
      'platform.database-role',
      500,
      `The user of DATABASE_URL may not create roles. An administrator must run once: create role ${APP_ROLE} nologin; grant ${APP_ROLE} to <that user>;`,
    )
  }
}
