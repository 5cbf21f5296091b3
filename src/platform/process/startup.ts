import { resolve } from 'node:path'
import type { ClientConfig } from 'pg'
import type { Clock } from '../base/clock.ts'
import type { PlatformConfig } from '../environment/config.ts'
import { openDb, rawSql, sql, sqlState, type Db } from '../database/db.ts'
import { AppError, describeError } from '../base/errors.ts'
import { migrateJobs } from '../runtime/jobs.ts'
import type { MasterKey } from '../environment/masterkey.ts'
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

/** Where the data is, and by which roles it is reached. */
export interface Database {
  /** Migrates and owns the schemas. */
  readonly owner: ClientConfig
  /** The running program: may not rewrite history (docs/decisions/0005). */
  readonly app: ClientConfig
  readonly embedded: boolean
  /** No other process runs the program on it, so whatever is claimed or locked in it belongs to the dead. */
  readonly sole: boolean
  /** Gives up the data folder and stops the embedded server, if this process runs it. */
  close(): Promise<void>
}

export interface OpenOptions {
  readonly log: (line: string) => void
  /** Another process took the data folder over: nothing may be written any more. */
  readonly onLost?: () => void
}

const nothing = (): Promise<void> => Promise.resolve()

/**
 * The database for a process that runs the program: starts or adopts the embedded PostgreSQL of the data folder and keeps others off it, or
 * connects to `DATABASE_URL`. Throws AppError with one line that says what to do; `platform.already-running` when another process has the folder.
 */
export async function openDatabase(config: PlatformConfig, options: OpenOptions): Promise<Database> {
  if (config.databaseUrl) return connect(config.databaseUrl.reveal(), ensureRole)
  const { owner, app, adopted, stop } = await startPostgres({ dataDir: config.dataDir, log: options.log })
  const lock = await acquireOwnerLock(owner, options.onLost ? { onLost: options.onLost } : {})
  if (!lock) {
    throw new AppError(
      'platform.already-running',
      500,
      `Purser already runs on ${config.dataDir}. Use "npx purser" to work with it, or set DATA_DIR and PORT for a second one.`,
    )
  }
  if (adopted) await endDeadSessions(owner)
  const close = async (): Promise<void> => {
    await lock.release()
    await stop()
  }
  return { owner, app, embedded: true, sole: true, close }
}

/**
 * The database for a command: that of a program that runs, else the embedded one, started for as long as the command takes. Never makes
 * one: throws `platform.no-database` where none is.
 */
export async function attachDatabase(config: PlatformConfig, options: OpenOptions): Promise<Database> {
  if (config.databaseUrl) return connect(config.databaseUrl.reveal())
  const server = await findPostgres(config.dataDir)
  if (server) return { owner: server.owner, app: server.app, embedded: true, sole: false, close: nothing }
  if (hasPostgres(config.dataDir)) return openDatabase(config, options)
  throw new AppError(
    'platform.no-database',
    500,
    `There is no Purser in ${resolve(config.dataDir)}: set DATA_DIR, or go to the folder that it was started in. \`npx purser start\` makes a new one.`,
  )
}

export interface PrepareOptions {
  readonly schemas: readonly Schema[]
  readonly config: PlatformConfig
  readonly clock: Clock
}

/**
 * Migrates, and checks that the database is of this mode and master key. Returns the key. Safe to run from many instances at once.
 */
export async function prepareDatabase(database: Pick<Database, 'owner'>, options: PrepareOptions): Promise<MasterKey> {
  return claim(database, options, async (db) => {
    await migrate(db, options.schemas)
    await migrateJobs(database.owner)
  })
}

/** The same for a command: it migrates nothing, and throws `platform.schema-older` or `platform.no-database` where that is needed. */
export async function checkDatabase(database: Pick<Database, 'owner'>, options: PrepareOptions): Promise<MasterKey> {
  return claim(database, options, (db) => requireCurrent(db, options.schemas))
}

async function claim(
  database: Pick<Database, 'owner'>,
  { config, clock }: PrepareOptions,
  bringUp: (db: Db) => Promise<void>,
): Promise<MasterKey> {
  const db = openDb({ connection: database.owner, max: 2, applicationName: applicationName('migrate') })
  try {
    await requireMode(db, config.mode)
    await bringUp(db)
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
      `The database of DATABASE_URL cannot be used: ${describeError(error)}`,
    )
  } finally {
    await db.close()
  }
  const app: ClientConfig = { connectionString, options: `-c role=${APP_ROLE}` }
  return { owner, app, embedded: false, sole: false, close: nothing }
}

const OLDEST = 150_000

async function requireVersion(db: Db): Promise<void> {
  const { version } = await db.one<{ version: number }>(
    sql`select current_setting('server_version_num')::int as version`,
  )
  if (version >= OLDEST) return
  throw new AppError(
    'platform.database-too-old',
    500,
    `DATABASE_URL is PostgreSQL ${Math.floor(version / 10_000)}; Purser needs 15 or later.`,
  )
}

/** Each connection of the program takes this role on, so the user of DATABASE_URL must be a member of it. */
async function ensureRole(db: Db): Promise<void> {
  const known = await db.maybe<{ member: boolean }>(
    sql`select pg_has_role(current_user, oid, 'member') as member from pg_roles where rolname = ${APP_ROLE}`,
  )
  if (known?.member) return
  try {
    if (!known) await db.run(rawSql(`create role ${APP_ROLE} nologin`))
    await db.run(rawSql(`grant ${APP_ROLE} to current_user`))
  } catch (error) {
    // 42501: insufficient privilege. 42710: another instance made it just now.
    if (sqlState(error) === '42710') return ensureRole(db)
    if (sqlState(error) !== '42501') throw error
    throw new AppError(
      'platform.database-role',
      500,
      `The user of DATABASE_URL may not create roles. Have an administrator run once: create role ${APP_ROLE} nologin; grant ${APP_ROLE} to <that user>;`,
    )
  }
}
